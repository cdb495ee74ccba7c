// Running guest code in some address space on behalf of the calling task, as mm_run(2) does.
#pragma once

#include "kernel/platform/context.h"
#include "kernel/task/task.h"

namespace quire::task {

class GuestRun {
 public:
  explicit GuestRun(Task& task) : task_(task) {}

  /// Runs `context` in `mm` until a trap that the address space does not resolve by itself: a system
  /// call, an exception, a fault that is the guest's (outcome tells the signal), the loss of the stub,
  /// or `interrupted` when a signal is due for the task.
  platform::Trap run(platform::Context& context, mm::AddressSpace& mm, mm::FaultOutcome& outcome);

 private:
  Task& task_;
};

}  // namespace quire::task
