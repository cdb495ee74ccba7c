#include "kernel/platform/native/stub.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "kernel/abi/types.h"
#include "kernel/platform/native/host_calls.h"

namespace quire::platform::native {
namespace {

/// An acknowledgement at least every so many requests, so that ring space comes free.
constexpr u64 ack_interval = RING_COUNT / 8;

constexpr u64 agent_slice_ns = 100'000;  // the shortest there is
constexpr u32 no_policy = ~u32{0};       // refused by the host: leaves things as they are

/// A thread's start is ours alone to wait for: patience beyond that for an agent, as there may be many
/// at once, yet not without end.
constexpr int ticks_until_no_thread = 20 * ticks_until_dead;
constexpr int ticks_of_work = 60 * ticks_until_dead;  // for one request, on a host that has no time for it

bool is_ack(const RingEntry& e) { return e.op == OP_SYSCALL && e.nr == SYS_write; }

}  // namespace

RingEntry call_entry(u32 nr, u64 expect, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5) {
  return {.op = OP_SYSCALL, .nr = nr, .args = {a0, a1, a2, a3, a4, a5}, .expect = expect};
}
RingEntry ack_entry(int fd, u64 ring_address) {
  return call_entry(SYS_write, 8, static_cast<u64>(fd), ring_address + RING_ONE, 8);
}

Stub::Stub(ControlFile& control, BlockNumber block, Fd ack)
    : control_(control), block_(block), ring_(control.ring(block)), ack_(std::move(ack)) {
  ring_->one = 1;
  ring_->failure = u64{1} << 32;
  ring_->prompt = {};
  ring_->usual = {};
  ring_->prompt.nice = ring_->usual.nice = getpriority(PRIO_PROCESS, 0);
  ring_->prompt.slice_ns = agent_slice_ns;
  if (sched_getscheduler(0) != SCHED_OTHER) ring_->prompt.policy = ring_->usual.policy = no_policy;
}

Stub::~Stub() {
  // The last reference goes when the process has been reaped, or never was.
  for (SlotNumber s : slots_) control_.free_slot(s);
  control_.free_block(block_);
}

void Stub::set_process(pid_t pid, Fd pidfd) {
  pid_ = pid;
  pidfd_ = std::move(pidfd);
}

int Stub::proc_file(const char* name, Fd& file) const NO_THREAD_SAFETY_ANALYSIS {
  LockGuard guard(lock_);
  if (!file) {
    char path[48];
    std::snprintf(path, sizeof path, "/proc/%d/%s", pid_, name);
    file = Fd(open(path, O_RDONLY | O_CLOEXEC));
    // Had it been reaped before, the number could have gone to another process.
    if (syscall(SYS_pidfd_send_signal, pidfd_.get(), 0, nullptr, 0) != 0) file = Fd();
  }
  return file.get();
}

int Stub::pagemap() const NO_THREAD_SAFETY_ANALYSIS { return proc_file("pagemap", pagemap_); }

void Stub::kill() {
  killed_.store(true, std::memory_order_release);
  if (pidfd_) syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

void Stub::set_dead() {
  LockGuard guard(lock_);
  dead_.store(true, std::memory_order_release);
  for (SlotNumber n : slots_) {
    Slot* s = control_.slot(n);
    s->to_kernel.store(TO_KERNEL_DEAD, std::memory_order_release);
    futex_wake(&s->to_kernel);
  }
}

// ---- Users

bool Stub::add_user(StubUser* user) {
  LockGuard guard(users_lock_);
  if (closed_) return false;
  users_.push_back(user);
  return true;
}

void Stub::remove_user(StubUser* user) {
  LockGuard guard(users_lock_);
  std::erase(users_, user);
}

bool Stub::evict_users() {
  LockGuard guard(users_lock_);
  while (!users_.empty()) {
    if (!users_.back()->leave_stub()) return false;
    users_.pop_back();
  }
  closed_ = true;
  return true;
}

// ---- Requests

void Stub::put(const RingEntry& e) {
  if (is_ack(e)) {
    ++placed_;
    ack_positions_.push_back(head_);  // not beyond: the agent still reads the entry after its write
  }
  ring_->entries[head_ % RING_COUNT] = e;
  ++head_;
}

void Stub::drain_backlog() {
  while (!backlog_.empty()) {
    if (head_ - freed_ >= RING_COUNT) collect();
    if (head_ - freed_ >= RING_COUNT) return;
    put(backlog_.front());
    backlog_.pop_front();
  }
}

void Stub::append(const RingEntry& e) {
  drain_backlog();
  if (backlog_.empty() && head_ - freed_ >= RING_COUNT) collect();
  if (!backlog_.empty() || head_ - freed_ >= RING_COUNT)
    backlog_.push_back(e);
  else
    put(e);
}

void Stub::push_locked(const RingEntry& e) {
  append(e);
  if (e.op != OP_RESUME) {
    last_request_ = head_ + backlog_.size();
    behind_.store(true, std::memory_order_release);
  }
  // Whatever is pushed, ring space has to come free again.
  if (is_ack(e)) {
    since_ack_ = 0;
  } else if (++since_ack_ == ack_interval) {
    since_ack_ = 0;
    ++requested_;
    append(ack_entry(FD_ACK, STUB_RING));
  }
}

void Stub::push(const RingEntry& e) {
  LockGuard guard(lock_);
  push_locked(e);
}

u64 Stub::push_ack() {
  LockGuard guard(lock_);
  push_locked(ack_entry(FD_ACK, STUB_RING));
  return ++requested_;
}

void Stub::publish(bool agent_comes_here) {
  if (published_ == head_) return;
  published_ = head_;
  // The agent works beside whoever asks.
  if (agent_comes_here && usable_cpus().count > 1 && pid_ != 0)
    if (const int here = sched_getcpu(); here != agent_cpu_) keep_on(pid_, agent_cpu_ = here);
  ring_->head.store(static_cast<u32>(head_), std::memory_order_seq_cst);
  futex_wake(&ring_->head);
}

void Stub::kick() {
  LockGuard guard(lock_);
  publish();
}

u64 Stub::push_resume(u64 slot_address) {
  u64 ack;
  {
    LockGuard guard(lock_);
    push_locked({.op = OP_RESUME, .nr = 0, .args = {slot_address}, .expect = 0});
    publish();
    if (backlog_.empty()) return head_;
    push_locked(ack_entry(FD_ACK, STUB_RING));
    ack = ++requested_;
  }
  wait(ack);  // sees to it that the backlog gets into the ring
  LockGuard guard(lock_);
  return believed_;
}

void Stub::believe_done(u64 position) {
  LockGuard guard(lock_);
  believed_ = std::max(believed_, position);
  if (believed_ >= last_request_) behind_.store(false, std::memory_order_release);
}

void Stub::collect() {
  if (polled_) return;  // who sleeps until there is something to read would not hear of it
  u64 sum = 0;
  if (read(ack_.get(), &sum, sizeof sum) != sizeof sum) return;
  failures_ += static_cast<u32>(sum >> 32);
  for (u64 n = static_cast<u32>(sum); n != 0 && !ack_positions_.empty(); --n) {
    freed_ = ack_positions_.front();
    ack_positions_.pop_front();
    acked_.fetch_add(1, std::memory_order_release);
  }
  believed_ = std::max(believed_, freed_ + 1);
  if (believed_ >= last_request_) behind_.store(false, std::memory_order_release);
}

// To change tens of thousands of mappings in one call takes a while, and longer where other processes have
// the CPUs. An agent that was stopped, or sleeps with work to do, does nothing of the kind.
bool Stub::agent_works() const {
  char text[256];
  const char* stat = read_proc(pid_, "stat", text);
  const char* state = stat != nullptr ? strrchr(stat, ')') : nullptr;
  return state != nullptr && (strncmp(state, ") R", 3) == 0 || strncmp(state, ") D", 3) == 0);
}

bool Stub::wait(u64 ack) {
  u64 heard = acked_.load(std::memory_order_relaxed);
  for (int ticks = 0;;) {
    {
      LockGuard guard(lock_);
      collect();
      if (done(ack)) return true;
      if (dead()) return false;
      drain_backlog();
      publish();
      if (polled_) {
        (void)collected_.wait_until(lock_,
                                    std::chrono::steady_clock::now() + std::chrono::nanoseconds(tick_ns));
        continue;
      }
      polled_ = true;
    }
    pollfd fds[2] = {{ack_.get(), POLLIN, 0}, {pidfd_.get(), POLLIN, 0}};
    const int n = poll(fds, pidfd_ ? 2 : 1, tick_ns / 1'000'000);
    {
      LockGuard guard(lock_);
      polled_ = false;
      collect();
      collected_.notify_all();
      // The process has ended; what it acknowledged before still counts.
      if (n > 0 && fds[0].revents == 0) return done(ack);
    }
    // Silent means that not even earlier requests are acknowledged.
    if (const u64 now = acked_.load(std::memory_order_relaxed); now != heard) {
      heard = now;
      ticks = 0;
    }
    if (n == 0 && ++ticks >= ticks_until_dead && (ticks >= ticks_of_work || !agent_works())) {
      kill();
      ticks = 0;
      if (!pidfd_) return false;
    }
  }
}

bool Stub::done_now(u64 ack) {
  if (done(ack)) return true;
  LockGuard guard(lock_);
  collect();
  drain_backlog();
  publish();
  return done(ack);
}

bool Stub::done_so_far(u64 ack) {
  if (done(ack)) return true;
  LockGuard guard(lock_);
  if (ack_positions_.empty() || ack_positions_.front() >= published_) return false;
  collect();
  return done(ack);
}

u64 Stub::anonymous_bytes() const NO_THREAD_SAFETY_ANALYSIS {
  char text[128];
  const ssize_t n = pread(proc_file("statm", statm_), text, sizeof text - 1, 0);
  if (n <= 0) return 0;
  text[n] = 0;
  u64 total = 0, resident = 0, shared = 0;
  if (std::sscanf(text, "%lu %lu %lu", &total, &resident, &shared) != 3 || resident < shared) return 0;
  return (resident - shared) * page_size;
}

u32 Stub::take_failures() {
  LockGuard guard(lock_);
  collect();
  return std::exchange(failures_, 0);
}

// ---- Threads

void Stub::push_thread(SlotNumber slot) {
  constexpr u64 flags =
      CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID;
  const u64 address = ControlFile::slot_address(slot);
  {
    LockGuard guard(lock_);
    slots_.push_back(slot);
  }
  push(call_entry(SYS_mmap, address, address, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                  FD_CONTROL, ControlFile::slot_offset(slot)));
  push({.op = OP_THREAD, .nr = 0, .args = {flags, address}, .expect = 0});
}

Result<StubThread> Stub::await_thread(SlotNumber slot) {
  Slot* s = control_.slot(slot);
  for (int ticks = 0;;) {
    const u32 v = s->to_kernel.load(std::memory_order_acquire);
    if (v == TO_KERNEL_SIGNAL) break;
    // Who waits here may be who would hear of its end.
    if (v == TO_KERNEL_DEAD || dead() || killed_.load(std::memory_order_acquire)) return err(ESRCH);
    s->kernel_sleeps.store(1, std::memory_order_seq_cst);
    if (!futex_wait(&s->to_kernel, 0, tick_ns)) {
      if (take_failures() != 0) return err(EAGAIN);
      if (++ticks == ticks_until_no_thread) kill();
    }
  }
  s->kernel_sleeps.store(0, std::memory_order_relaxed);
  return StubThread{slot, s->tid.load(std::memory_order_relaxed)};
}

Result<StubThread> Stub::take_thread() {
  {
    LockGuard guard(lock_);
    if (!threads_.empty()) {
      StubThread t = threads_.back();
      threads_.pop_back();
      return t;
    }
  }
  const SlotNumber slot = TRY(control_.allocate_slot());
  push_thread(slot);
  push_ack();
  kick();
  return await_thread(slot);
}

void Stub::give_thread(const StubThread& t) {
  LockGuard guard(lock_);
  threads_.push_back(t);
}

}  // namespace quire::platform::native
