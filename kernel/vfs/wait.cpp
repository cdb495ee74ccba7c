#include "kernel/vfs/wait.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/abi/restart.h"
#include "kernel/abi/thread_place.h"

namespace quire::vfs {
namespace {

constexpr u32 woken = 1;
constexpr u32 interrupted_bit = 2;
constexpr u32 fatal_bit = 4;
constexpr u32 on_futex = 8;
constexpr u32 on_host = 16;

timespec to_timespec(std::chrono::nanoseconds d) {
  auto ns = std::max<i64>(d.count(), 0);
  return {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

}  // namespace

// One word holds all: what has come, and how the thread sleeps. steady_clock is CLOCK_MONOTONIC, which
// is also what FUTEX_WAIT_BITSET measures absolute deadlines in.
struct Waiter::State {
  std::atomic<u32> word{0};
  int event_fd = -1;  // for sleep_on_host, made at first use by the thread itself
  abi::ThreadPlace& place = abi::ThreadPlace::current();

  Result<> sleep(u32 ending_bits, Deadline deadline) {
    for (;;) {
      u32 w = word.load(std::memory_order_acquire);
      if ((w & woken) != 0) {
        word.fetch_and(~woken, std::memory_order_acq_rel);
        return {};
      }
      if ((w & ending_bits) != 0) return err(abi::restart_sys);
      if (!word.compare_exchange_weak(w, w | on_futex, std::memory_order_acq_rel)) continue;
      timespec until{};
      if (deadline) until = to_timespec(deadline->time_since_epoch());
      long r = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, w | on_futex, deadline ? &until : nullptr,
                       nullptr, FUTEX_BITSET_MATCH_ANY);
      bool timed_out = r != 0 && errno == ETIMEDOUT;
      u32 after = word.fetch_and(~on_futex, std::memory_order_acq_rel);
      if (timed_out && (after & (woken | ending_bits)) == 0) return err(ETIMEDOUT);
    }
  }

  void set(u32 bits, bool beside = false) {
    u32 old = word.fetch_or(bits, std::memory_order_acq_rel);
    abi::ThreadPlace& mine = abi::ThreadPlace::current();
    const bool asleep = beside && (old & (woken | on_futex)) == on_futex && place.placed();
    // Between tasks only: nobody else is about to make room.
    if (asleep && mine.placed()) place.pull();
    if ((old & on_futex) != 0) syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    if (asleep && mine.follows()) mine.follow(place.kept_on());
    if ((old & on_host) != 0) {
      u64 one = 1;
      // Full is as good as written: the sleeper wakes.
      [[maybe_unused]] ssize_t n = ::write(event_fd, &one, sizeof one);
    }
  }
};

Waiter::Waiter() : state_(new State) {}
Waiter::~Waiter() {
  if (state_->event_fd >= 0) ::close(state_->event_fd);
  delete state_;
}

Waiter& Waiter::current() {
  thread_local Waiter waiter;
  return waiter;
}

Result<> Waiter::sleep(Deadline deadline) { return state_->sleep(interrupted_bit | fatal_bit, deadline); }
Result<> Waiter::sleep_killable(Deadline deadline) { return state_->sleep(fatal_bit, deadline); }

Result<short> Waiter::sleep_on_host(int host_fd, short events, Deadline deadline) {
  if (state_->event_fd < 0) {
    state_->event_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (state_->event_fd < 0) return err(Errno::last());
  }
  for (;;) {
    u32 w = state_->word.fetch_or(on_host, std::memory_order_acq_rel);
    short revents = 0;
    int r = 0, error = 0;
    bool stop = (w & (woken | interrupted_bit | fatal_bit)) != 0;
    if (!stop) {
      pollfd fds[2] = {{host_fd, events, 0}, {state_->event_fd, POLLIN, 0}};
      timespec rest{};
      if (deadline) rest = to_timespec(*deadline - Clock::now());
      r = ::ppoll(fds, host_fd < 0 ? 0 : 2, deadline ? &rest : nullptr, nullptr);
      error = errno;
      revents = fds[0].revents;
      if (r > 0 && fds[1].revents != 0) {
        u64 drained;
        [[maybe_unused]] ssize_t n = ::read(state_->event_fd, &drained, sizeof drained);
      }
    }
    w = state_->word.fetch_and(~on_host, std::memory_order_acq_rel);
    if (revents != 0) return revents;
    if ((w & woken) != 0) {
      state_->word.fetch_and(~woken, std::memory_order_acq_rel);
      return short{0};
    }
    if ((w & (interrupted_bit | fatal_bit)) != 0) return err(abi::restart_sys);
    if (stop) continue;
    if (r == 0) return err(ETIMEDOUT);
    if (r < 0 && error != EINTR) return err(error);
  }
}

void Waiter::wake() { state_->set(woken); }
void Waiter::wake_beside() { state_->set(woken, true); }
void Waiter::interrupt(bool fatal) { state_->set(fatal ? interrupted_bit | fatal_bit : interrupted_bit); }
void Waiter::clear_interrupt() {
  state_->word.fetch_and(~(interrupted_bit | fatal_bit), std::memory_order_acq_rel);
}
bool Waiter::interrupted() const {
  return (state_->word.load(std::memory_order_acquire) & (interrupted_bit | fatal_bit)) != 0;
}

WaitEntry::WaitEntry(WaitQueue& queue, Waiter& waiter, u32 events)
    : list_(queue.list_), waiter_(waiter), events_(events) {
  LockGuard g(list_->lock);
  place_ = list_->entries.insert(list_->entries.end(), this);
  list_->count.fetch_add(1, std::memory_order_seq_cst);
}

WaitEntry::~WaitEntry() {
  LockGuard g(list_->lock);
  list_->entries.erase(place_);
  list_->count.fetch_sub(1, std::memory_order_relaxed);
}

void WaitQueue::notify(u32 events) {
  // Who waits has registered before it looked at the condition, which changed (under the lock that
  // guards it) before this call: a zero here means that it will see the change.
  if (list_->count.load(std::memory_order_seq_cst) == 0) return;
  LockGuard g(list_->lock);
  for (WaitEntry* e : list_->entries)
    if ((e->events_ & events) != 0) e->waiter_.wake_beside();
  for (WaitListener* l : list_->listeners) l->on_notify(events);
}

Ref<WaitList> WaitQueue::add_listener(WaitListener& listener) {
  LockGuard g(list_->lock);
  list_->listeners.push_back(&listener);
  list_->count.fetch_add(1, std::memory_order_seq_cst);
  return list_;
}

void WaitQueue::remove_listener(WaitList& list, WaitListener& listener) {
  LockGuard g(list.lock);
  if (list.listeners.remove(&listener) != 0) list.count.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace quire::vfs
