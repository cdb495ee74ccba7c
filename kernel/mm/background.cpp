#include "kernel/mm/background.h"

#include <utility>

namespace quire::mm {

void Background::stir() {
  {
    std::lock_guard guard(mutex_);
    if (stopping_) return;
    stirred_ = true;
    if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  }
  wake_.notify_all();
}

void Background::stop() {
  std::jthread thread;
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
    thread = std::move(thread_);
  }
  // Asked to stop and waited for.
}

void Background::work(const std::stop_token& stop) {
  std::unique_lock guard(mutex_);
  while (!stop.stop_requested()) {
    wake_.wait(guard, stop, [&] { return stirred_; });
    stirred_ = false;
    for (std::optional<Duration> pause = delay_; pause;) {
      wake_.wait_for(guard, stop, *pause, [] { return false; });
      if (stop.stop_requested()) return;
      guard.unlock();
      pause = step_();
      guard.lock();
    }
  }
}

}  // namespace quire::mm
