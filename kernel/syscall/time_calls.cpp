// System calls on clocks, sleeping and timers.
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include <algorithm>

#include "kernel/abi/restart.h"
#include "kernel/syscall/handlers_task.h"
#include "kernel/syscall/support.h"
#include "kernel/task/clocks.h"
#include "kernel/task/kernel.h"
#include "kernel/task/process_timers.h"

namespace quire::syscall {

using task::ns_per_s;
using task::ProcessTimers;

namespace {

constexpr u64 ns_per_us = 1000;
constexpr u64 ns_per_tick = ns_per_s / 100;

Result<u64> read_timeval(Task& task, GuestAddr at) {
  const auto tv = TRY(task.mm().read<struct timeval>(at));
  if (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec >= 1'000'000) return err(EINVAL);
  return TRY(task::to_ns({.tv_sec = tv.tv_sec, .tv_nsec = tv.tv_usec * 1000}));
}

struct itimerval to_itimerval(const ProcessTimers::Setting& s) {
  auto tv = [](u64 ns) {
    const u64 us = (ns + ns_per_us - 1) / ns_per_us;
    return timeval{.tv_sec = static_cast<time_t>(us / 1'000'000),
                   .tv_usec = static_cast<suseconds_t>(us % 1'000'000)};
  };
  return {.it_interval = tv(s.interval_ns), .it_value = tv(s.value_ns)};
}

/// Sleeps until a deadline on a wall clock; interrupted, it goes on by restart_syscall.
Result<u64> sleep_until(Task& task, vfs::Clock::time_point deadline, bool absolute, GuestAddr remainder) {
  for (;;) {
    if (vfs::Clock::now() >= deadline) return 0;
    const Result<> slept = vfs::Waiter::current().sleep(deadline);
    if (slept) continue;
    if (slept.error().value() == ETIMEDOUT) return 0;
    if (absolute) return err(abi::restart_nohand);
    const auto left = std::max(deadline - vfs::Clock::now(), vfs::Clock::duration(0));
    if (remainder != GuestAddr{})
      TRY_VOID(task.mm().write(remainder, task::to_timespec(static_cast<u64>(left.count()))));
    task.restart = {};
    task.restart.kind = task::RestartBlock::Kind::sleep;
    task.restart.deadline = deadline;
    task.restart.remainder = remainder;
    return err(abi::restart_block);
  }
}

/// CPU clocks advance only while something runs: sleep in steps.
Result<u64> sleep_on_cpu_clock(Task& task, int clock, u64 until_ns) {
  for (;;) {
    const u64 now = TRY(task::clock_now(task, clock));
    if (now >= until_ns) return 0;
    const u64 step = std::max<u64>(until_ns - now, 1'000'000);
    const Result<> slept = vfs::Waiter::current().sleep(task::after_ns(vfs::Clock::now(), step));
    if (!slept && slept.error().value() != ETIMEDOUT) return err(abi::restart_nohand);
  }
}

}  // namespace

QUIRE_SYSCALL(clock_gettime) {
  const u64 ns = TRY(task::clock_now(task, args.i(0)));
  TRY_VOID(task.mm().write(args.addr(1), task::to_timespec(ns)));
  return 0;
}

QUIRE_SYSCALL(clock_getres) {
  timespec resolution{.tv_sec = 0, .tv_nsec = 1};
  const int clock = args.i(0);
  if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE) {
    if (::clock_getres(clock, &resolution) != 0) return err(Errno::last());
  } else {
    (void)TRY(task::clock_now(task, clock));
  }
  if (args.addr(1) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(1), resolution));
  return 0;
}

QUIRE_SYSCALL(clock_settime) {
  (void)TRY(task::to_ns(TRY(task.mm().read<timespec>(args.addr(1)))));
  if (args.i(0) != CLOCK_REALTIME) return err(EINVAL);
  return err(EPERM);  // the host's clock is not ours to set
}

QUIRE_SYSCALL(settimeofday) { return err(EPERM); }

QUIRE_SYSCALL(adjtimex) { return err(EPERM); }
QUIRE_SYSCALL(clock_adjtime) { return err(EPERM); }

QUIRE_SYSCALL(gettimeofday) {
  struct timeval tv;
  ::gettimeofday(&tv, nullptr);
  if (args.addr(0) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(0), tv));
  if (args.addr(1) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(1), u64{0}));
  return 0;
}

QUIRE_SYSCALL(time) {
  const i64 now = ::time(nullptr);
  if (args.addr(0) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(0), now));
  return static_cast<u64>(now);
}

QUIRE_SYSCALL(times) {
  const task::Usage own = task.process().usage(), children = task.process().children_usage();
  if (args.addr(0) != GuestAddr{}) {
    const struct tms t{.tms_utime = static_cast<clock_t>(own.user_ns / ns_per_tick),
                       .tms_stime = static_cast<clock_t>(own.system_ns / ns_per_tick),
                       .tms_cutime = static_cast<clock_t>(children.user_ns / ns_per_tick),
                       .tms_cstime = static_cast<clock_t>(children.system_ns / ns_per_tick)};
    TRY_VOID(task.mm().write(args.addr(0), t));
  }
  return TRY(task::clock_now(task, CLOCK_BOOTTIME)) / ns_per_tick;
}

QUIRE_SYSCALL(nanosleep) {
  const u64 ns = TRY(task::to_ns(TRY(task.mm().read<timespec>(args.addr(0)))));
  return sleep_until(task, task::after_ns(vfs::Clock::now(), ns), false, args.addr(1));
}

QUIRE_SYSCALL(clock_nanosleep) {
  const int clock = args.i(0);
  if (clock == CLOCK_THREAD_CPUTIME_ID) return err(EINVAL);
  const bool absolute = (args.i(1) & TIMER_ABSTIME) != 0;
  if (!task::is_wall_clock(clock) && !task::is_cpu_clock(clock))
    return err(clock >= 0 && clock <= 11 ? EOPNOTSUPP : EINVAL);
  const u64 ns = TRY(task::to_ns(TRY(task.mm().read<timespec>(args.addr(2)))));
  if (task::is_cpu_clock(clock))
    return sleep_on_cpu_clock(task, clock, absolute ? ns : TRY(task::clock_now(task, clock)) + ns);
  return sleep_until(task, TRY(task::wall_deadline(clock, ns, absolute)), absolute, args.addr(3));
}

QUIRE_SYSCALL(restart_syscall) {
  const task::RestartBlock block = task.restart;
  if (block.kind == task::RestartBlock::Kind::sleep)
    return sleep_until(task, block.deadline, false, block.remainder);
  if (block.kind == task::RestartBlock::Kind::futex) return restart_futex(task);
  return err(EINTR);
}

QUIRE_SYSCALL(getitimer) {
  const int which = args.i(0);
  if (which < ITIMER_REAL || which > ITIMER_PROF) return err(EINVAL);
  TRY_VOID(task.mm().write(args.addr(1), to_itimerval(task.process().timers().interval(task, which))));
  return 0;
}

QUIRE_SYSCALL(setitimer) {
  const int which = args.i(0);
  if (which < ITIMER_REAL || which > ITIMER_PROF) return err(EINVAL);
  ProcessTimers::Setting setting;
  if (args.addr(1) != GuestAddr{}) {
    setting.interval_ns = TRY(read_timeval(task, args.addr(1)));
    setting.value_ns = TRY(read_timeval(task, args.addr(1) + sizeof(struct timeval)));
  }
  const ProcessTimers::Setting old = task.process().timers().set_interval(task, which, setting);
  if (args.addr(2) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(2), to_itimerval(old)));
  return 0;
}

QUIRE_SYSCALL(alarm) {
  const auto old = task.process().timers().set_interval(task, ITIMER_REAL,
                                                        {.value_ns = args.u(0) * ns_per_s, .interval_ns = 0});
  // Whole seconds, rounded to the nearest, never down to "none".
  if (old.value_ns == 0) return 0;
  return std::max<u64>((old.value_ns + ns_per_s / 2) / ns_per_s, 1);
}

QUIRE_SYSCALL(timer_create) {
  sigevent event{};
  if (args.addr(1) != GuestAddr{}) event = TRY(task.mm().read<sigevent>(args.addr(1)));
  const int id = TRY(task.process().timers().create(task, args.i(0), event, args.addr(1) == GuestAddr{}));
  if (const Result<> told = task.mm().write(args.addr(2), i32{id}); !told) {
    (void)task.process().timers().destroy(id);
    return err(told.error());
  }
  return 0;
}

QUIRE_SYSCALL(timer_settime) {
  const auto in = TRY(task.mm().read<itimerspec>(args.addr(2)));
  const ProcessTimers::Setting setting{.value_ns = TRY(task::to_ns(in.it_value)),
                                       .interval_ns = TRY(task::to_ns(in.it_interval))};
  const auto old =
      TRY(task.process().timers().set(task, args.i(0), (args.i(1) & TIMER_ABSTIME) != 0, setting));
  if (args.addr(3) != GuestAddr{})
    TRY_VOID(task.mm().write(args.addr(3), itimerspec{.it_interval = task::to_timespec(old.interval_ns),
                                                      .it_value = task::to_timespec(old.value_ns)}));
  return 0;
}

QUIRE_SYSCALL(timer_gettime) {
  const auto now = TRY(task.process().timers().get(task, args.i(0)));
  TRY_VOID(task.mm().write(args.addr(1), itimerspec{.it_interval = task::to_timespec(now.interval_ns),
                                                    .it_value = task::to_timespec(now.value_ns)}));
  return 0;
}

QUIRE_SYSCALL(timer_getoverrun) { return static_cast<u64>(TRY(task.process().timers().overrun(args.i(0)))); }

QUIRE_SYSCALL(timer_delete) {
  TRY_VOID(task.process().timers().destroy(args.i(0)));
  return 0;
}

}  // namespace quire::syscall
