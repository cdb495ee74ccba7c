// A thread of the memory manager's own, for what can be done later.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace quire::mm {

/// Calls `step` from time to time once it was stirred: after `delay` first, then as long after the last call
/// as that said, until it says that nothing is left. The thread exists from the first stir() on.
class Background {
 public:
  using Duration = std::chrono::microseconds;
  /// Does some of the work; when to go on, or nothing: not before somebody stirs. Called with no lock held.
  using Step = std::function<std::optional<Duration>()>;

  Background(Duration delay, Step step) : delay_(delay), step_(std::move(step)) {}
  ~Background() { stop(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// There is something to do.
  void stir();
  /// Waits for the end of the thread, which is not started again.
  void stop();
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

 private:
  void work(const std::stop_token& stop);

  const Duration delay_;
  const Step step_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool stirred_ = false;  // under mutex_
  std::atomic<bool> stopping_{false};
  std::jthread thread_;  // last: it uses the rest
};

}  // namespace quire::mm
