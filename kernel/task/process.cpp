#include "kernel/task/process.h"

#include <algorithm>

#include "kernel/task/kernel.h"
#include "kernel/task/process_timers.h"
#include "kernel/task/task.h"

namespace quire::task {

Usage& Usage::operator+=(const Usage& o) {
  user_ns += o.user_ns;
  system_ns += o.system_ns;
  minor_faults += o.minor_faults;
  major_faults += o.major_faults;
  voluntary_switches += o.voluntary_switches;
  max_resident_bytes = std::max(max_resident_bytes, o.max_resident_bytes);
  return *this;
}

namespace {

/// Signals whose default action is to do nothing.
constexpr SignalSet ignored_by_default =
    signal_bit(SIGCHLD) | signal_bit(SIGURG) | signal_bit(SIGWINCH) | signal_bit(SIGCONT);
/// RLIMIT_SIGPENDING bounds the queue; this bounds it whatever the limit.
constexpr std::size_t max_queued = 65536;

}  // namespace

Process::Process(Kernel& kernel, Pid pid, Ref<SignalActions> actions)
    : kernel_(kernel),
      pid_(pid),
      actions_(std::move(actions)),
      timers_(std::make_unique<ProcessTimers>(*this)) {}

Process::~Process() = default;

// --- limits ---------------------------------------------------------------------------------------------

struct rlimit Process::limit(int resource) const {
  LockGuard guard(attributes_lock_);
  return limits_[static_cast<std::size_t>(resource)];
}

Result<> Process::set_limit(int resource, const struct rlimit& limit, bool privileged) {
  if (limit.rlim_cur > limit.rlim_max) return err(EINVAL);
  LockGuard guard(attributes_lock_);
  struct rlimit& now = limits_[static_cast<std::size_t>(resource)];
  if (limit.rlim_max > now.rlim_max && !privileged) return err(EPERM);
  now = limit;
  return {};
}

void Process::copy_limits(const Process& from) {
  std::array<struct rlimit, RLIM_NLIMITS> copy;
  {
    LockGuard guard(from.attributes_lock_);
    copy = from.limits_;
  }
  LockGuard guard(attributes_lock_);
  limits_ = copy;
}

vfs::Path Process::executable() const {
  LockGuard guard(attributes_lock_);
  return executable_;
}

std::vector<u64> Process::auxiliary_vector() const {
  LockGuard guard(attributes_lock_);
  return auxiliary_vector_;
}

void Process::set_program(vfs::Path executable, std::vector<u64> auxiliary_vector) {
  LockGuard guard(attributes_lock_);
  std::swap(executable_, executable);
  std::swap(auxiliary_vector_, auxiliary_vector);
  guard.unlock();
}

// --- threads ----------------------------------------------------------------------------------------------

std::vector<Ref<Task>> Process::tasks() const {
  LockGuard guard(signal_lock_);
  std::vector<Ref<Task>> live;
  for (Task* t : threads_) live.emplace_back(t);
  return live;
}

std::size_t Process::task_count() const {
  LockGuard guard(signal_lock_);
  return threads_.size();
}

Ref<Task> Process::any_task() const {
  LockGuard guard(signal_lock_);
  return threads_.empty() ? Ref<Task>() : Ref<Task>(threads_.front());
}

// --- signals
// ------------------------------------------------------------------------------------------------

SignalAction Process::action(int signo) const {
  LockGuard guard(signal_lock_);
  LockGuard actions(actions_->lock);
  return actions_->action[static_cast<std::size_t>(signo)];
}

SignalAction Process::set_action(int signo, const SignalAction& action) {
  LockGuard guard(signal_lock_);
  LockGuard actions(actions_->lock);
  SignalAction& slot = actions_->action[static_cast<std::size_t>(signo)];
  const SignalAction old = slot;
  slot = action;
  slot.mask &= ~unblockable;
  const SignalSet bit = signal_bit(signo);
  if (action.handler == 1 || (action.handler == 0 && (bit & ignored_by_default) != 0)) {
    pending_.discard(bit);
    for (Task* t : threads_) t->pending_.discard(bit);
  }
  return old;
}

SignalSet Process::pending_set() const {
  LockGuard guard(signal_lock_);
  return pending_.set();
}

void Process::send(const siginfo_t& info) {
  LockGuard guard(signal_lock_);
  send_locked(nullptr, info);
}

void Process::send_to(Task& task, const siginfo_t& info) {
  LockGuard guard(signal_lock_);
  if (std::find(threads_.begin(), threads_.end(), &task) == threads_.end()) return;
  send_locked(&task, info);
}

bool Process::ignores(const Task* to, int signo) const {
  const SignalSet bit = signal_bit(signo);
  // A blocked signal stays pending whatever its action: that may change before it is unblocked.
  const Task* target = to != nullptr ? to : threads_.front();
  if ((target->blocked() & bit) != 0 || (target->waiting_for_ & bit) != 0) return false;
  LockGuard actions(actions_->lock);
  const u64 handler = actions_->action[static_cast<std::size_t>(signo)].handler;
  return handler == 1 || (handler == 0 && (bit & ignored_by_default) != 0);
}

void Process::resume_locked() {
  if (stopping_ && stop_told_) continue_due_ = true;
  stopping_ = false;
  stop_told_ = false;
  for (Task* t : threads_)
    if (t->waiter_ != nullptr) t->waiter_->wake();
}

void Process::send_locked(Task* to, const siginfo_t& info) {
  if (threads_.empty()) return;
  const SignalSet bit = signal_bit(info.si_signo);
  if (info.si_signo == SIGKILL) {
    begin_exit_locked({.code = 0, .signo = SIGKILL, .core = false});
    return;
  }
  if (info.si_signo == SIGCONT) {
    pending_.discard(stop_signals);
    for (Task* t : threads_) t->pending_.discard(stop_signals);
    resume_locked();
  } else if ((bit & stop_signals) != 0) {
    pending_.discard(signal_bit(SIGCONT));
    for (Task* t : threads_) t->pending_.discard(signal_bit(SIGCONT));
  }
  if (ignores(to, info.si_signo)) return;
  SignalQueue& queue = to != nullptr ? to->pending_ : pending_;
  if (queue.queued() >= max_queued || !queue.add(info)) return;
  signal_events_.notify();
  auto wants = [bit](const Task* t) { return (t->blocked() & bit) == 0 || (t->waiting_for_ & bit) != 0; };
  if (to != nullptr) {
    if (wants(to)) to->kick();
    return;
  }
  for (Task* t : threads_)
    if (wants(t) && !t->attention_.load(std::memory_order_relaxed)) return t->kick();
  // All who want it are about to look at their signals anyway; one of them must look after this.
  for (Task* t : threads_)
    if (wants(t)) return t->kick();
}

void Process::begin_exit(ExitStatus status) {
  LockGuard guard(signal_lock_);
  begin_exit_locked(status);
}

void Process::begin_exit_locked(ExitStatus status) {
  if (!exiting_.load(std::memory_order_relaxed)) {
    ending_ = status;
    exiting_.store(true, std::memory_order_release);
  }
  stopping_ = false;
  for (Task* t : threads_) {
    t->kick(true);
    if (t->waiter_ != nullptr) t->waiter_->wake();
  }
}

bool Process::all_stopped() const {
  return std::all_of(threads_.begin(), threads_.end(), [](const Task* t) { return t->stopped_.load(); });
}

Usage Process::usage() const {
  Usage sum;
  {
    LockGuard table(kernel_.table_lock_);
    sum = exited_threads_;
  }
  for (const Ref<Task>& t : tasks()) sum += t->usage();
  return sum;
}

u64 Process::peak_resident_bytes() const {
  u64 peak = 0;
  {
    LockGuard table(kernel_.table_lock_);
    peak = exited_threads_.max_resident_bytes;
  }
  // All but those about to exec share one.
  Ref<mm::AddressSpace> last;
  for (const Ref<Task>& t : tasks()) {
    auto mm = t->mm_snapshot();
    if (!mm || mm.get() == last.get()) continue;
    peak = std::max(peak, mm->peak_resident_bytes());
    last = std::move(mm);
  }
  return peak;
}

Usage Process::children_usage() const {
  LockGuard table(kernel_.table_lock_);
  return waited_children_;
}

// --- the tree
// -----------------------------------------------------------------------------------------------

Pid Process::parent_pid() const {
  LockGuard table(kernel_.table_lock_);
  return parent_ != nullptr ? parent_->pid() : 0;
}
Pid Process::group_id() const {
  LockGuard table(kernel_.table_lock_);
  return group_;
}
Ref<Session> Process::session() const {
  LockGuard table(kernel_.table_lock_);
  return session_;
}
std::string Process::last_comm() const {
  LockGuard table(kernel_.table_lock_);
  return last_comm_;
}
bool Process::has_exited() const {
  LockGuard table(kernel_.table_lock_);
  return zombie_;
}

}  // namespace quire::task
