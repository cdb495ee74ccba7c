#include "kernel/task/task.h"

#include <linux/capability.h>
#include <pthread.h>
#include <time.h>

#include "kernel/task/kernel.h"
#include "kernel/task/limits.h"
#include "kernel/task/undertaker.h"
#include "kernel/task/vfork_done.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/fs_context.h"

namespace quire::task {

Task::Task(Kernel& kernel, Ref<Process> process, Pid tid)
    : kernel_(kernel), process_(std::move(process)), tid_(tid) {}

Task::~Task() = default;

// The old object is destroyed after the lock is released: its destructor takes locks of its own.
void Task::set_mm(Ref<mm::AddressSpace> mm) {
  LockGuard guard(lock_);
  std::swap(mm_, mm);
  guard.unlock();
  bury(std::move(mm));
  if (vfork_done_) {
    vfork_done_->set();
    vfork_done_ = nullptr;
  }
}
void Task::set_fds(Ref<vfs::FdTable> fds) {
  LockGuard guard(lock_);
  std::swap(fds_, fds);
  guard.unlock();
}
void Task::set_fs(Ref<vfs::FsContext> fs) {
  LockGuard guard(lock_);
  std::swap(fs_, fs);
  guard.unlock();
}
void Task::set_credentials(Ref<const vfs::Credentials> credentials) {
  LockGuard guard(lock_);
  std::swap(credentials_, credentials);
  Ref<mm::AddressSpace> mm = mm_;
  guard.unlock();
  publish_answers();
  if (mm && credentials && credentials->capable(CAP_IPC_LOCK) != credentials_->capable(CAP_IPC_LOCK))
    mm->set_limits(memory_limits(*process_, *credentials_));
}

void Task::publish_answers() {
  // A tracer wants to see every call.
  if (kernel_.options().observer != nullptr || !credentials_ || !context_) return;
  const std::pair<u32, u64> answers[] = {
      {39, static_cast<u64>(pid())}, {186, static_cast<u64>(tid())}, {102, credentials_->uid},
      {107, credentials_->euid},     {104, credentials_->gid},       {108, credentials_->egid},
  };
  for (auto [number, value] : answers)
    if (!context_->set_answer(number, value)) return;
}

Ref<mm::AddressSpace> Task::mm_snapshot() const {
  LockGuard guard(lock_);
  return mm_;
}
Ref<vfs::FdTable> Task::fds_snapshot() const {
  LockGuard guard(lock_);
  return fds_;
}
Ref<vfs::FsContext> Task::fs_snapshot() const {
  LockGuard guard(lock_);
  return fs_;
}
Ref<const vfs::Credentials> Task::credentials_snapshot() const {
  LockGuard guard(lock_);
  return credentials_;
}
std::string Task::comm() const {
  LockGuard guard(lock_);
  return comm_;
}
void Task::set_comm(std::string comm) {
  if (comm.size() > 15) comm.resize(15);
  LockGuard guard(lock_);
  comm_ = std::move(comm);
}

char Task::state() const {
  if (stopped_.load(std::memory_order_acquire)) return 'T';
  return in_guest_.load(std::memory_order_acquire) || !sleeping() ? 'R' : 'S';
}

bool Task::sleeping() const {
  return !in_guest_.load(std::memory_order_acquire) && in_call_.load(std::memory_order_relaxed);
}

u64 Task::kernel_cpu_ns() const {
  const u64 clock = cpu_clock_.load(std::memory_order_acquire);
  timespec t;
  if (clock == no_clock || clock_gettime(static_cast<clockid_t>(clock), &t) != 0) return 0;
  return static_cast<u64>(t.tv_sec) * 1'000'000'000 + static_cast<u64>(t.tv_nsec) - cpu_base_ns_;
}

/// Where the platform cannot tell, the time between entering the guest and its next trap counts: more than
/// the CPU time where CPUs are short.
u64 Task::guest_ns() const {
  if (const u64 told = context_ ? context_->cpu_time_ns() : 0; told != 0) return told;
  u64 ticks = guest_ticks_.load(std::memory_order_relaxed);
  if (in_guest_.load(std::memory_order_acquire)) {
    const u64 now = __builtin_ia32_rdtsc(), entered = guest_entered_.load(std::memory_order_relaxed);
    if (now > entered) ticks += now - entered;
  }
  return static_cast<u64>(static_cast<double>(ticks) * kernel_.ns_per_tick());
}

u64 Task::cpu_time_ns() const { return kernel_cpu_ns() + guest_ns(); }

/// One stay in the guest. A sender sets attention_, then looks at in_guest_; we do it the other way round, so
/// that either we see the attention and stay out, or it sees us in the guest and interrupts.
platform::Trap Task::run_guest(platform::Context& context, mm::AddressSpace& mm) {
  platform::Trap trap;
  trap.kind = platform::Trap::Kind::interrupted;
  const u64 entered = __builtin_ia32_rdtsc();
  guest_entered_.store(entered, std::memory_order_relaxed);
  in_guest_.store(true, std::memory_order_seq_cst);
  mm.gate().enter();
  if (!attention_.load(std::memory_order_seq_cst)) trap = context.run(mm.space());
  mm.gate().leave();
  in_guest_.store(false, std::memory_order_release);
  guest_ticks_.store(guest_ticks_.load(std::memory_order_relaxed) + (__builtin_ia32_rdtsc() - entered),
                     std::memory_order_relaxed);
  guest_exits_.store(guest_exits_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return trap;
}

Usage Task::usage() const {
  Usage u;
  u.user_ns = guest_ns();
  u.system_ns = kernel_cpu_ns();
  u.minor_faults = minor_faults_.load(std::memory_order_relaxed);
  u.major_faults = major_faults_.load(std::memory_order_relaxed);
  u.voluntary_switches = voluntary_switches_.load(std::memory_order_relaxed);
  return u;
}

void Task::kick(bool fatal) {
  attention_.store(true, std::memory_order_seq_cst);
  if (waiter_ == nullptr) return;  // not started: it looks before it first runs
  waiter_->interrupt(fatal);
  if (in_guest_.load(std::memory_order_seq_cst)) active_context_.load(std::memory_order_acquire)->interrupt();
}

void Task::set_blocked(SignalSet mask) {
  mask &= ~unblockable;
  LockGuard guard(process_->signal_lock_);
  blocked_.store(mask, std::memory_order_relaxed);
  if (((pending_.set() | process_->pending_.set()) & ~mask) != 0) kick();
}

void Task::set_temporary_mask(SignalSet mask) {
  if (!saved_mask_) saved_mask_ = blocked();
  set_blocked(mask);
}

void Task::set_waiting_for(SignalSet set) {
  LockGuard guard(process_->signal_lock_);
  waiting_for_ = set;
}

void Task::force_signal(const siginfo_t& info) {
  LockGuard guard(process_->signal_lock_);
  const SignalSet bit = signal_bit(info.si_signo);
  {
    LockGuard actions(process_->actions_->lock);
    SignalAction& action = process_->actions_->action[static_cast<std::size_t>(info.si_signo)];
    if (action.handler == 1 || (blocked() & bit) != 0) action.handler = 0;
  }
  blocked_.store(blocked() & ~bit, std::memory_order_relaxed);
  pending_.add(info);
  kick();
}

std::optional<siginfo_t> Task::take_pending(SignalSet wanted) {
  LockGuard guard(process_->signal_lock_);
  if (auto info = pending_.take(wanted)) return info;
  return process_->pending_.take(wanted);
}

SignalSet Task::private_pending_set() const {
  LockGuard guard(process_->signal_lock_);
  return pending_.set();
}

SignalSet Task::pending_set() const {
  LockGuard guard(process_->signal_lock_);
  return pending_.set() | process_->pending_.set();
}

}  // namespace quire::task
