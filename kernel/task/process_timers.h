// The interval timers (setitimer, alarm) and POSIX timers (timer_create) of one process.
#pragma once

#include <csignal>
#include <map>

#include "base/lock.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"
#include "kernel/task/signal_set.h"
#include "kernel/task/timer_queue.h"

namespace quire::task {

class Process;
class Task;

class ProcessTimers {
 public:
  explicit ProcessTimers(Process& process) : process_(process) {}

  struct Setting {
    u64 value_ns = 0;     // until it next expires; 0: disarmed
    u64 interval_ns = 0;  // between later expirations; 0: once
  };

  /// setitimer(2): `which` is ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF. Returns the old setting.
  Setting set_interval(Task& caller, int which, const Setting& setting);
  Setting interval(Task& caller, int which);
  /// RLIMIT_CPU, in seconds of the process's CPU time; RLIM_INFINITY for none.
  void set_cpu_limit(u64 soft, u64 hard);

  /// timer_create(2) and the rest. EINVAL for an unknown timer, clock or signal; EAGAIN for too many.
  Result<int> create(Task& caller, int clock, const sigevent& event, bool default_event);
  Result<Setting> set(Task& caller, int id, bool absolute, const Setting& setting);
  Result<Setting> get(Task& caller, int id);
  Result<int> overrun(int id);
  Result<> destroy(int id);
  /// exec and exit: POSIX timers go; the interval timers stay over exec.
  void clear(bool intervals_too);

 private:
  struct Timer {
    int clock = 0;
    int signo = 0;
    bool interval_timer = false;
    i32 thread = 0;  // SIGEV_THREAD_ID
    sigval value{};
    u64 deadline_ns = 0;  // on the steady clock or the CPU clock; 0: disarmed
    u64 interval_ns = 0;
    u64 generation = 0;
    int last_overrun = 0;
    TimerQueue::Id queued = 0;
  };
  static constexpr int first_interval = -3;  // keys -3, -2, -1: ITIMER_REAL, VIRTUAL, PROF
  static constexpr int soft_cpu_limit = -4, hard_cpu_limit = -5;
  static constexpr std::size_t max_timers = 4096;

  u64 now_ns(const Timer& timer) const;
  Setting setting_of(const Timer& timer) const;
  void arm(int key, Timer& timer) REQUIRES(lock_);
  void disarm(Timer& timer) REQUIRES(lock_);
  void limit_cpu(int key, int signo, u64 seconds) REQUIRES(lock_);
  void expire(int key, u64 generation);

  Process& process_;
  Mutex<locks::timers> lock_;
  std::map<int, Timer> timers_ GUARDED_BY(lock_);
  int next_ GUARDED_BY(lock_) = 0;
  u64 next_generation_ GUARDED_BY(lock_) = 1;
};

}  // namespace quire::task
