// How long to wait by spinning before sleeping. Nothing here is a constant of nature: a futex hand-off
// across CPUs costs 9 to 80 us depending on the host, spinning across two CPUs 0.07 to 0.6, and
// spinning against a peer on the same CPU loses everything.
#pragma once

#include <algorithm>

#include "base/types.h"
#include "kernel/platform/platform.h"

namespace quire::platform::native {

/// Measures this host, in one or two milliseconds. How many pauses cost what a block and wake-up cost;
/// 0: never spin.
u32 calibrate(Calibration* out);

/// Learns from one side's luck: after several waits in vain it pauses its spinning, ever longer.
class SpinLuck {
 public:
  bool worth_it() {
    if (skip_ == 0) return true;
    --skip_;
    return false;
  }
  void hit() { misses_ = 0; }
  void miss() {
    misses_ = std::min(misses_ + 1, patience + longest);
    if (misses_ > patience) skip_ = u32{1} << (misses_ - patience);
  }

 private:
  static constexpr u32 patience = 3, longest = 7;
  u32 misses_ = 0;
  u32 skip_ = 0;
};

}  // namespace quire::platform::native
