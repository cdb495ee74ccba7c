// Kernel threads for guest tasks: kept when a task ends, because making one costs more than a fork.
#pragma once

#include <functional>
#include <vector>

#include "base/lock.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"
#include "kernel/abi/scheduling.h"
#include "kernel/abi/thread_place.h"

namespace quire::task {

/// Makes a detached thread of the kernel's own. Signals sent to Quire are for its main thread; only the
/// synchronous ones, which the platform takes, are open. `elsewhere`: on another CPU than the caller's, for
/// as long as nobody says otherwise. EAGAIN when the host gives no more threads.
Result<> start_host_thread(void* (*body)(void*), void* given, bool elsewhere = false);

class HostThreads {
 public:
  HostThreads() = default;
  /// Waits until every job has ended.
  ~HostThreads();
  HostThreads(const HostThreads&) = delete;
  HostThreads& operator=(const HostThreads&) = delete;

  /// Where a job starts: a wake-up across CPUs costs more than most children live for, and the platform moves
  /// them apart if both have something to do. `elsewhere`: both will, so on another CPU if there is one.
  enum class Place : u8 { beside, elsewhere };
  /// Runs `job` on an idle thread or a new one. EAGAIN when the host gives no more threads.
  Result<> run(std::function<void()> job, Place place = Place::beside);
  /// Sees to it that the next job finds an idle thread, if the host gives one.
  void keep_ready();
  /// How many threads wait for a job.
  std::size_t idle() const {
    LockGuard guard(lock_);
    return idle_.size();
  }

 private:
  /// An idle thread, for as long as it waits.
  struct Worker {
    abi::ThreadPlace& place;
    CondVar work;
    std::function<void()> job;
    bool called = false;
  };
  Result<> start(std::function<void()> job, Place place) REQUIRES(lock_);
  void serve(std::function<void()> job);

  static constexpr unsigned max_idle = 32;

  mutable Mutex<locks::host_threads> lock_;
  CondVar gone_;
  std::vector<Worker*> idle_ GUARDED_BY(lock_);  // the last is the warmest
  unsigned threads_ GUARDED_BY(lock_) = 0;
  bool closing_ GUARDED_BY(lock_) = false;
};

}  // namespace quire::task
