// Deadlines of interval timers, POSIX timers and alarms, on one kernel thread.
#pragma once

#include <functional>
#include <map>
#include <thread>

#include "base/lock.h"
#include "kernel/abi/lock_order.h"
#include "kernel/vfs/wait.h"

namespace quire::task {

class TimerQueue {
 public:
  using Id = u64;  // 0 names no timer

  TimerQueue() = default;
  ~TimerQueue();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  /// Calls `fire` on the timer thread at `deadline`, with no lock held.
  Id add(vfs::Clock::time_point deadline, std::function<void()> fire);
  /// After it returns `fire` has run, or is running, or never will; true if it never will.
  bool cancel(Id id);

 private:
  using Key = std::pair<vfs::Clock::time_point, Id>;
  void serve();

  Mutex<locks::timer_queue> lock_;
  CondVar changed_;
  std::map<Key, std::function<void()>> timers_ GUARDED_BY(lock_);
  std::map<Id, vfs::Clock::time_point> by_id_ GUARDED_BY(lock_);
  Id next_ GUARDED_BY(lock_) = 1;
  bool closing_ GUARDED_BY(lock_) = false;
  std::thread thread_;  // started by the first add()
};

}  // namespace quire::task
