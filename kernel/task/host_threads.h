// Kernel threads for guest tasks: kept when a task ends, because making one costs more than a fork.
#pragma once

#include <deque>
#include <functional>

#include "base/lock.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"

namespace quire::task {

class HostThreads {
 public:
  HostThreads() = default;
  /// Waits until every job has ended.
  ~HostThreads();
  HostThreads(const HostThreads&) = delete;
  HostThreads& operator=(const HostThreads&) = delete;

  /// Runs `job` on an idle thread or a new one. EAGAIN when the host gives no more threads.
  Result<> run(std::function<void()> job);

 private:
  void serve();

  static constexpr std::size_t stack_bytes = 512 * 1024;
  static constexpr unsigned max_idle = 32;

  Mutex<locks::host_threads> lock_;
  CondVar work_, gone_;
  std::deque<std::function<void()>> jobs_ GUARDED_BY(lock_);
  unsigned idle_ GUARDED_BY(lock_) = 0;
  unsigned threads_ GUARDED_BY(lock_) = 0;
  bool closing_ GUARDED_BY(lock_) = false;
};

}  // namespace quire::task
