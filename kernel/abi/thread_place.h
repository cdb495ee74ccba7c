// Where a guest task's kernel thread is kept, for those who wake it: one that is about to read what the
// waker has just written is better woken beside it than on another CPU, which costs many times more.
#pragma once

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/types.h"

namespace quire::abi {

inline constexpr int any_cpu = -1;

/// The CPUs that this process may use, as they were at the first look: those of the main thread, which is
/// kept on none.
struct UsableCpus {
  cpu_set_t mask{};
  unsigned count = 1;
};
inline const UsableCpus& usable_cpus() {
  static const UsableCpus cpus = [] {
    UsableCpus c;
    CPU_ZERO(&c.mask);
    if (sched_getaffinity(getpid(), sizeof c.mask, &c.mask) == 0)
      c.count = static_cast<unsigned>(std::max(1, CPU_COUNT(&c.mask)));
    return c;
  }();
  return cpus;
}

/// The same but for the caller's. False: there is no other.
inline bool other_cpus(cpu_set_t& others) {
  others = usable_cpus().mask;
  if (const int here = sched_getcpu(); here >= 0 && here < CPU_SETSIZE) CPU_CLR(here, &others);
  return CPU_COUNT(&others) != 0;
}

class ThreadPlace {
 public:
  using Clock = std::chrono::steady_clock;

  /// Of the calling thread.
  static ThreadPlace& current() {
    thread_local ThreadPlace place;
    return place;
  }

  /// Whether the platform says where this thread runs: it does for kernel threads of guest tasks.
  bool placed() const { return placed_.load(std::memory_order_relaxed); }
  int kept_on() const { return kept_on_.load(std::memory_order_relaxed); }
  /// By its own thread: it was kept on a CPU, or set free (any_cpu).
  void set_kept_on(int cpu) {
    kept_on_.store(cpu, std::memory_order_relaxed);
    placed_.store(true, std::memory_order_relaxed);
  }
  /// By its own thread: it is to stay where it is until then.
  void stay_until(Clock::time_point t) {
    stay_until_.store(t.time_since_epoch().count(), std::memory_order_relaxed);
  }

  /// By a waker, while this thread sleeps: to the waker's CPU.
  void pull() {
    const int here = sched_getcpu();
    if (here < 0 || here >= CPU_SETSIZE || kept_on() == here) return;
    if (Clock::now().time_since_epoch().count() < stay_until_.load(std::memory_order_relaxed)) return;
    keep_on(here);
  }

  /// By its own thread, which does nothing but wake others: from now on it goes where those are whom it
  /// wakes.
  void set_follows() { follows_ = true; }
  bool follows() const { return follows_; }
  /// By its own thread, after it woke one that is kept on `cpu`: it goes there itself once that was so some
  /// times in a row. What comes in for that one then wakes its CPU at once, not another first.
  void follow(int cpu) {
    in_a_row_ = cpu == last_woken_ ? in_a_row_ + 1 : 0;
    last_woken_ = cpu;
    if (in_a_row_ < follows_after || kept_on() == cpu) return;
    keep_on(cpu);
  }

  /// By a waker, while this thread sleeps: to any CPU but the waker's.
  void push() {
    cpu_set_t others;
    if (other_cpus(others) && sched_setaffinity(tid_, sizeof others, &others) == 0) set_kept_on(any_cpu);
  }

 private:
  void keep_on(int cpu) {
    cpu_set_t mask = usable_cpus().mask;
    if (cpu != any_cpu) {
      CPU_ZERO(&mask);
      CPU_SET(cpu, &mask);
    }
    if (sched_setaffinity(tid_, sizeof mask, &mask) == 0) kept_on_.store(cpu, std::memory_order_relaxed);
  }

  static constexpr unsigned follows_after = 4;
  bool follows_ = false;  // this and the next two: by its own thread
  unsigned in_a_row_ = 0;
  int last_woken_ = any_cpu;
  const pid_t tid_ = static_cast<pid_t>(syscall(SYS_gettid));
  std::atomic<bool> placed_{false};
  std::atomic<int> kept_on_{any_cpu};
  std::atomic<i64> stay_until_{0};
};

}  // namespace quire::abi
