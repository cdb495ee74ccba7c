// Enforces --memory: the host fills holes of the memory file without asking us, so somebody has to look.
#pragma once

#include <functional>
#include <thread>

#include "base/types.h"

namespace quire::mm {

/// A thread that compares what is used with the limit, more often the closer it is, and calls
/// `out_of_memory` (which kills a process) while it is exceeded. A process that fills memory as fast as
/// the host gives it may overshoot by what it fills in a few milliseconds.
class LimitWatch {
 public:
  LimitWatch(u64 limit, std::function<u64()> used, std::function<bool()> out_of_memory);

 private:
  void watch(const std::stop_token& stop);

  const u64 limit_;
  const std::function<u64()> used_;
  const std::function<bool()> out_of_memory_;
  std::jthread thread_;
};

}  // namespace quire::mm
