#include "kernel/mm/limit_watch.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace quire::mm {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest_sleep(50), shortest_sleep(1);
// The host fills at most about this much in a millisecond.
constexpr u64 bytes_per_ms = 4u << 20;
// How long a killed process may take to give its memory back before another one is killed; and where the
// limit is exceeded by more than a quarter.
constexpr milliseconds patience(5000), impatience(100);

}  // namespace

LimitWatch::LimitWatch(u64 limit, std::function<u64()> used, std::function<bool()> out_of_memory)
    : limit_(limit),
      used_(std::move(used)),
      out_of_memory_(std::move(out_of_memory)),
      thread_([this](const std::stop_token& stop) { watch(stop); }) {}

void LimitWatch::watch(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  // Ends at once when asked to stop.
  auto sleep = [&](milliseconds time) {
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, time, [] { return false; });
  };
  while (!stop.stop_requested()) {
    const u64 used = used_();
    if (used <= limit_) {
      const milliseconds until_full(static_cast<i64>((limit_ - used) / bytes_per_ms));
      sleep(std::clamp(until_full, shortest_sleep, longest_sleep));
      continue;
    }
    (void)out_of_memory_();
    for (milliseconds waited(0); !stop.stop_requested(); waited += shortest_sleep) {
      const u64 left = used_();
      if (left <= limit_ || waited >= (left > limit_ + limit_ / 4 ? impatience : patience)) break;
      sleep(shortest_sleep);
    }
  }
}

}  // namespace quire::mm
