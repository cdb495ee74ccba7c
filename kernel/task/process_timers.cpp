#include "kernel/task/process_timers.h"

#include <sys/time.h>

#include <algorithm>
#include <chrono>

#include "kernel/task/clocks.h"
#include "kernel/task/kernel.h"
#include "kernel/task/task.h"

namespace quire::task {

namespace {

u64 steady_ns() {
  return static_cast<u64>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(vfs::Clock::now().time_since_epoch()).count());
}

/// ITIMER_VIRTUAL counts user time; every other CPU clock here counts both.
constexpr int virtual_clock = -1000;
bool on_cpu(int clock) { return clock == virtual_clock || is_cpu_clock(clock); }

}  // namespace

u64 ProcessTimers::now_ns(const Timer& timer) const {
  if (!on_cpu(timer.clock)) return steady_ns();
  if (timer.clock == CLOCK_THREAD_CPUTIME_ID) {
    Ref<Task> task = process_.kernel().find_task(timer.thread);
    return task ? task->cpu_time_ns() : 0;
  }
  const Usage u = process_.usage();
  return timer.clock == virtual_clock ? u.user_ns : u.user_ns + u.system_ns;
}

ProcessTimers::Setting ProcessTimers::setting_of(const Timer& timer) const {
  if (timer.deadline_ns == 0) return {0, timer.interval_ns};
  const u64 now = now_ns(timer);
  // An armed timer never shows zero: that would mean disarmed.
  return {timer.deadline_ns > now ? timer.deadline_ns - now : 1, timer.interval_ns};
}

void ProcessTimers::arm(int key, Timer& timer) {
  vfs::Clock::time_point when;
  if (on_cpu(timer.clock)) {
    // CPU time passes at most at the rate of the clock for each thread: look again when it could be up.
    constexpr u64 granularity = 1'000'000;
    const u64 now = now_ns(timer);
    const u64 left = timer.deadline_ns > now ? timer.deadline_ns - now : 0;
    when = after_ns(vfs::Clock::now(), std::max(left / std::max<u64>(process_.task_count(), 1), granularity));
  } else {
    when = vfs::Clock::time_point(std::chrono::nanoseconds(timer.deadline_ns));
  }
  timer.generation = next_generation_++;
  timer.queued = process_.kernel().timers().add(
      when, [self = Ref<Process>(&process_), key, generation = timer.generation] {
        self->timers().expire(key, generation);
      });
}

void ProcessTimers::disarm(Timer& timer) {
  if (timer.queued != 0) process_.kernel().timers().cancel(timer.queued);
  timer.queued = 0;
  timer.deadline_ns = 0;
  timer.generation = 0;
}

void ProcessTimers::expire(int key, u64 generation) {
  siginfo_t info{};
  i32 thread = 0;
  {
    // metal-ok: quire.lock-order arm() only hands this on; the queue calls it later, with no lock held
    LockGuard guard(lock_);
    auto it = timers_.find(key);
    if (it == timers_.end() || it->second.generation != generation) return;
    Timer& timer = it->second;
    timer.queued = 0;
    const u64 now = now_ns(timer);
    if (now < timer.deadline_ns) return arm(key, timer);
    u64 times = 1;
    if (timer.interval_ns != 0) {
      times += (now - timer.deadline_ns) / timer.interval_ns;
      timer.deadline_ns += times * timer.interval_ns;
      arm(key, timer);
    } else {
      timer.deadline_ns = 0;
    }
    timer.last_overrun = static_cast<int>(std::min<u64>(times - 1, INT32_MAX));
    if (timer.signo == 0) return;
    info.si_signo = timer.signo;
    if (timer.interval_timer) {
      info.si_code = SI_KERNEL;
    } else {
      info.si_code = SI_TIMER;
      info.si_timerid = key;
      info.si_overrun = timer.last_overrun;
      info.si_value = timer.value;
      thread = timer.thread;
    }
  }
  if (thread == 0) return process_.send(info);
  if (Ref<Task> task = process_.kernel().find_task(thread)) process_.send_to(*task, info);
}

ProcessTimers::Setting ProcessTimers::set_interval(Task&, int which, const Setting& setting) {
  static constexpr int clocks[] = {CLOCK_MONOTONIC, virtual_clock, CLOCK_PROCESS_CPUTIME_ID};
  static constexpr int signals[] = {SIGALRM, SIGVTALRM, SIGPROF};
  LockGuard guard(lock_);
  const int key = first_interval + which;
  Timer& timer = timers_[key];
  timer.clock = clocks[which];
  timer.signo = signals[which];
  timer.interval_timer = true;
  const Setting old = setting_of(timer);
  disarm(timer);
  timer.interval_ns = setting.interval_ns;
  if (setting.value_ns != 0) {
    timer.deadline_ns = now_ns(timer) + setting.value_ns;
    arm(key, timer);
  }
  return old;
}

void ProcessTimers::limit_cpu(int key, int signo, u64 seconds) {
  constexpr u64 second_ns = 1'000'000'000;
  if (auto it = timers_.find(key); it != timers_.end()) {
    disarm(it->second);
    timers_.erase(it);
  }
  if (seconds > INT64_MAX / second_ns) return;
  Timer& timer = timers_[key];
  timer.clock = CLOCK_PROCESS_CPUTIME_ID;
  timer.signo = signo;
  timer.interval_timer = true;
  timer.deadline_ns = std::max<u64>(seconds, 1) * second_ns;
  timer.interval_ns = second_ns;
  arm(key, timer);
}

void ProcessTimers::set_cpu_limit(u64 soft, u64 hard) {
  LockGuard guard(lock_);
  limit_cpu(soft_cpu_limit, SIGXCPU, soft);
  limit_cpu(hard_cpu_limit, SIGKILL, hard);
}

ProcessTimers::Setting ProcessTimers::interval(Task&, int which) {
  LockGuard guard(lock_);
  auto it = timers_.find(first_interval + which);
  return it == timers_.end() ? Setting{} : setting_of(it->second);
}

Result<int> ProcessTimers::create(Task& caller, int clock, const sigevent& event, bool default_event) {
  if (!is_wall_clock(clock) && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID)
    return err(EINVAL);
  Timer timer;
  timer.clock = clock;
  if (clock == CLOCK_THREAD_CPUTIME_ID) timer.thread = caller.tid();
  LockGuard guard(lock_);
  if (timers_.size() >= max_timers) return err(EAGAIN);
  if (default_event) {
    timer.signo = SIGALRM;
    timer.value.sival_int = next_;
  } else {
    timer.value = event.sigev_value;
    switch (event.sigev_notify) {
      case SIGEV_NONE:
        break;
      case SIGEV_THREAD_ID: {
        Ref<Task> target = caller.kernel().find_task(event._sigev_un._tid);
        if (!target || &target->process() != &process_) return err(EINVAL);
        timer.thread = target->tid();
        [[fallthrough]];
      }
      case SIGEV_SIGNAL:
        if (!valid_signal(event.sigev_signo)) return err(EINVAL);
        timer.signo = event.sigev_signo;
        break;
      default:
        return err(EINVAL);
    }
  }
  while (timers_.contains(next_)) next_ = next_ == INT32_MAX ? 0 : next_ + 1;
  const int id = next_;
  next_ = next_ == INT32_MAX ? 0 : next_ + 1;
  timers_.emplace(id, timer);
  return id;
}

Result<ProcessTimers::Setting> ProcessTimers::set(Task&, int id, bool absolute, const Setting& setting) {
  LockGuard guard(lock_);
  auto it = timers_.find(id);
  if (id < 0 || it == timers_.end()) return err(EINVAL);
  Timer& timer = it->second;
  const Setting old = setting_of(timer);
  disarm(timer);
  timer.interval_ns = setting.interval_ns;
  timer.last_overrun = 0;
  if (setting.value_ns == 0) return old;
  if (on_cpu(timer.clock)) {
    timer.deadline_ns = absolute ? setting.value_ns : now_ns(timer) + setting.value_ns;
  } else {
    const auto when = TRY(wall_deadline(timer.clock, setting.value_ns, absolute));
    timer.deadline_ns = static_cast<u64>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count());
  }
  arm(id, timer);
  return old;
}

Result<ProcessTimers::Setting> ProcessTimers::get(Task&, int id) {
  LockGuard guard(lock_);
  auto it = timers_.find(id);
  if (id < 0 || it == timers_.end()) return err(EINVAL);
  return setting_of(it->second);
}

Result<int> ProcessTimers::overrun(int id) {
  LockGuard guard(lock_);
  auto it = timers_.find(id);
  if (id < 0 || it == timers_.end()) return err(EINVAL);
  return it->second.last_overrun;
}

Result<> ProcessTimers::destroy(int id) {
  LockGuard guard(lock_);
  auto it = timers_.find(id);
  if (id < 0 || it == timers_.end()) return err(EINVAL);
  disarm(it->second);
  timers_.erase(it);
  return {};
}

void ProcessTimers::clear(bool intervals_too) {
  LockGuard guard(lock_);
  for (auto it = timers_.begin(); it != timers_.end();) {
    if (it->second.interval_timer && !intervals_too) {
      ++it;
      continue;
    }
    disarm(it->second);
    it = timers_.erase(it);
  }
}

}  // namespace quire::task
