// What it costs lately to have a page of the host and to copy to it: a microsecond or two, or, where the host
// is itself a guest whose free memory was never used or was taken away, fifty and more.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/types.h"

namespace quire::mm {

class PageCost {
 public:
  using Clock = std::chrono::steady_clock;

  /// Of the last few pieces.
  u64 ns() const { return ns_.load(std::memory_order_relaxed); }
  void add(Clock::duration spent, u64 pages) {
    // A piece during which the CPU was lost to somebody else counts for no more than a dear one.
    const u64 now = std::min(static_cast<u64>(spent.count()) / pages, most_ns);
    ns_.store((ns() * (weight - 1) + now) / weight, std::memory_order_relaxed);
  }

  /// Measures what is done while it lives: a copy of some pages.
  class Watch {
   public:
    Watch(PageCost& cost, u64 pages) : cost_(cost), pages_(pages), begun_(Clock::now()) {}
    ~Watch() { cost_.add(Clock::now() - begun_, pages_); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    PageCost& cost_;
    const u64 pages_;
    const Clock::time_point begun_;
  };

 private:
  static constexpr u64 most_ns = 100'000;
  static constexpr u64 weight = 4;
  std::atomic<u64> ns_{0};
};

}  // namespace quire::mm
