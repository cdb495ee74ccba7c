#include "kernel/task/clocks.h"

#include <algorithm>
#include <chrono>

#include "kernel/task/kernel.h"
#include "kernel/task/task.h"

namespace quire::task {

Result<u64> to_ns(const timespec& t) {
  if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec >= static_cast<long>(ns_per_s)) return err(EINVAL);
  const u64 seconds = std::min<u64>(static_cast<u64>(t.tv_sec), ~u64{0} / ns_per_s - 2);
  return seconds * ns_per_s + static_cast<u64>(t.tv_nsec);
}

timespec to_timespec(u64 ns) {
  return {.tv_sec = static_cast<time_t>(ns / ns_per_s), .tv_nsec = static_cast<long>(ns % ns_per_s)};
}

vfs::Clock::time_point after_ns(vfs::Clock::time_point start, u64 ns) {
  constexpr u64 far = u64{100} * 365 * 86400 * ns_per_s;  // a century: no overflow, no wait that ends
  return start + std::chrono::nanoseconds(std::min(ns, far));
}

bool is_wall_clock(int clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
         clock == CLOCK_TAI || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

bool is_cpu_clock(int clock) {
  return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID ||
         (clock < 0 && (clock & 7) != 3);
}

Result<u64> clock_now(Task& task, int clock) {
  if (is_wall_clock(clock) || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_REALTIME_COARSE ||
      clock == CLOCK_MONOTONIC_COARSE) {
    if (clock == CLOCK_REALTIME_ALARM) clock = CLOCK_REALTIME;
    if (clock == CLOCK_BOOTTIME_ALARM) clock = CLOCK_BOOTTIME;
    timespec t;
    if (clock_gettime(clock, &t) != 0) return err(Errno::last());
    return static_cast<u64>(t.tv_sec) * ns_per_s + static_cast<u64>(t.tv_nsec);
  }
  auto process_ns = [](Process& p) {
    const Usage u = p.usage();
    return u.user_ns + u.system_ns;
  };
  if (clock == CLOCK_PROCESS_CPUTIME_ID) return process_ns(task.process());
  if (clock == CLOCK_THREAD_CPUTIME_ID) return task.cpu_time_ns();
  if (!is_cpu_clock(clock)) return err(EINVAL);
  // A clock of another process or thread: ~id << 3, bit 2 for a thread.
  const Pid id = ~(clock >> 3);
  if ((clock & 4) != 0) {
    if (id == 0) return task.cpu_time_ns();
    Ref<Task> other = task.kernel().find_task(id);
    if (!other || &other->process() != &task.process()) return err(EINVAL);
    return other->cpu_time_ns();
  }
  if (id == 0) return process_ns(task.process());
  Ref<Process> other = task.kernel().find_process(id);
  if (!other) return err(EINVAL);
  return process_ns(*other);
}

Result<vfs::Clock::time_point> wall_deadline(int clock, u64 ns, bool absolute) {
  const vfs::Clock::time_point now = vfs::Clock::now();
  if (!absolute) return after_ns(now, ns);
  timespec t;
  if (clock == CLOCK_REALTIME_ALARM) clock = CLOCK_REALTIME;
  if (clock == CLOCK_BOOTTIME_ALARM) clock = CLOCK_BOOTTIME;
  if (clock_gettime(clock, &t) != 0) return err(EINVAL);
  const u64 there = static_cast<u64>(t.tv_sec) * ns_per_s + static_cast<u64>(t.tv_nsec);
  return after_ns(now, ns > there ? ns - there : 0);
}

}  // namespace quire::task
