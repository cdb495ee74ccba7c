// Clocks as guests name them, and deadlines on the kernel's steady clock.
#pragma once

#include <time.h>

#include "base/result.h"
#include "kernel/abi/types.h"
#include "kernel/vfs/wait.h"

namespace quire::task {

class Task;

inline constexpr u64 ns_per_s = 1'000'000'000;

/// A guest's struct timespec as nanoseconds; EINVAL if negative or not normalised.
Result<u64> to_ns(const timespec& t);
timespec to_timespec(u64 ns);

/// steady clock + ns, held below the clock's end.
vfs::Clock::time_point after_ns(vfs::Clock::time_point start, u64 ns);

/// True for clocks on which one can sleep and arm timers.
bool is_wall_clock(int clock);
/// CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID or the clock of some process or thread.
bool is_cpu_clock(int clock);

/// Now on a guest's clock, in nanoseconds. EINVAL for an unknown clock or a process that is not there.
Result<u64> clock_now(Task& task, int clock);

/// When `ns` on that wall clock (absolute) or `ns` from now is reached.
Result<vfs::Clock::time_point> wall_deadline(int clock, u64 ns, bool absolute);

}  // namespace quire::task
