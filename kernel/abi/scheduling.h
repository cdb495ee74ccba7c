// How the host schedules the kernel's own threads.
#pragma once

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/types.h"

namespace quire::abi {

/// struct sched_attr, first version.
struct ScheduleAttributes {
  u32 size = 48;
  u32 policy = 0;
  u64 flags = 0;
  i32 nice = 0;
  u32 priority = 0;
  u64 slice_ns = 0;  // sched_runtime: of SCHED_OTHER, the length of its slices (Linux 6.12); 0: the usual
  u64 deadline = 0, period = 0;
};
static_assert(sizeof(ScheduleAttributes) == 48);

/// While it lives, the calling thread, when it is woken, does not take the CPU from its waker: it is
/// SCHED_BATCH. `behind`: nor from those that its waker wakes afterwards, for they have the shorter slices. A
/// thread whose scheduling is not the usual is left as it is.
class Patient {
 public:
  explicit Patient(bool behind = false)
      : set_(syscall(SYS_sched_getattr, 0, &usual_, sizeof usual_, 0) == 0 && usual_.policy == SCHED_OTHER &&
             set(SCHED_BATCH, behind ? long_slice_ns : usual_.slice_ns)) {}
  ~Patient() {
    if (set_) set(SCHED_OTHER, usual_.slice_ns);
  }
  Patient(const Patient&) = delete;
  Patient& operator=(const Patient&) = delete;

 private:
  static constexpr u64 long_slice_ns = 20'000'000;

  bool set(u32 policy, u64 slice_ns) const {
    ScheduleAttributes a = usual_;
    a.policy = policy;
    a.slice_ns = slice_ns;
    return syscall(SYS_sched_setattr, 0, &a, 0) == 0;
  }
  ScheduleAttributes usual_;
  const bool set_;
};

}  // namespace quire::abi
