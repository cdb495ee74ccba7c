// timerfd_create(2) and its kin.
#include <fcntl.h>
#include <poll.h>
#include <sys/timerfd.h>

#include "kernel/syscall/file_common.h"
#include "kernel/syscall/handlers_event.h"
#include "kernel/task/clocks.h"
#include "kernel/task/kernel.h"
#include "kernel/task/timer_queue.h"

namespace quire::syscall {
namespace {

/// Counts expirations by the clock when it is asked; the timer queue only wakes who waits.
class TimerFd final : public vfs::File {
 public:
  TimerFd(task::TimerQueue& timers, int clock, int flags) : File(flags), timers_(timers), clock_(clock) {}
  ~TimerFd() override { timers_.cancel(armed_); }

  int clock() const { return clock_; }

  Result<std::size_t> read(vfs::IoBuffer& to, i64) override {
    if (to.remaining() < sizeof(u64)) return err(EINVAL);
    vfs::WaitEntry entry(*queue_, vfs::Waiter::current(), POLLIN);
    for (;;) {
      u64 n = 0;
      {
        LockGuard g(lock_);
        n = expirations(true);
      }
      if (n != 0) return to.put(std::as_bytes(std::span(&n, 1)));
      if (nonblocking()) return err(EAGAIN);
      TRY_VOID(vfs::Waiter::current().sleep());
    }
  }
  u32 poll() override {
    LockGuard g(lock_);
    return expirations(false) != 0 ? POLLIN | POLLRDNORM : 0;
  }
  vfs::WaitQueue* wait_queue() override { return queue_.get(); }
  std::string describe() override { return "anon_inode:[timerfd]"; }

  struct Setting {
    u64 left_ns = 0, interval_ns = 0;
  };
  Setting setting() {
    LockGuard g(lock_);
    return setting_locked();
  }
  /// Arms or (no deadline) disarms; returns the old setting.
  Setting set(vfs::Deadline first, u64 interval_ns) {
    task::TimerQueue::Id old = 0;
    Setting before;
    {
      LockGuard g(lock_);
      before = setting_locked();
      first_ = first;
      interval_ns_ = interval_ns;
      taken_ = 0;
      old = std::exchange(armed_, 0);
    }
    timers_.cancel(old);
    LockGuard g(lock_);
    arm();
    return before;
  }

 private:
  Setting setting_locked() REQUIRES(lock_) {
    Setting s;
    if (!first_) return s;
    auto now = vfs::Clock::now();
    s.interval_ns = interval_ns_;
    if (now < *first_)
      s.left_ns = static_cast<u64>((*first_ - now).count());
    else if (interval_ns_ != 0)
      s.left_ns = interval_ns_ - static_cast<u64>((now - *first_).count()) % interval_ns_;
    return s;
  }
  /// Expirations not read so far.
  u64 expirations(bool take) REQUIRES(lock_) {
    auto now = vfs::Clock::now();
    if (!first_ || now < *first_) return 0;
    u64 total = interval_ns_ == 0 ? 1 : static_cast<u64>((now - *first_).count()) / interval_ns_ + 1;
    u64 fresh = total - taken_;
    if (take) {
      taken_ = total;
      arm();
    }
    return fresh;
  }
  /// Asks to be woken at the next expiration.
  void arm() REQUIRES(lock_) {
    if (!first_ || (interval_ns_ == 0 && taken_ != 0)) return;
    auto next = *first_ + std::chrono::nanoseconds(interval_ns_ * taken_);
    // The queue is held by the timer, not the file: it may fire while the file goes.
    armed_ = timers_.add(next, [queue = queue_] { queue->notify(POLLIN | POLLRDNORM); });
  }

  task::TimerQueue& timers_;
  const int clock_;
  const std::shared_ptr<vfs::WaitQueue> queue_ = std::make_shared<vfs::WaitQueue>();
  Mutex<locks::timerfd> lock_;
  vfs::Deadline first_ GUARDED_BY(lock_);
  u64 interval_ns_ GUARDED_BY(lock_) = 0;
  u64 taken_ GUARDED_BY(lock_) = 0;  // expirations read
  task::TimerQueue::Id armed_ = 0;
};

Result<Ref<vfs::File>> timerfd_at(Task& task, int fd) {
  Ref<vfs::File> file = TRY(file_at(task, fd));
  if (dynamic_cast<TimerFd*>(file.get()) == nullptr) return err(EINVAL);
  return file;
}

itimerspec encode(const TimerFd::Setting& s) {
  return {.it_interval = task::to_timespec(s.interval_ns), .it_value = task::to_timespec(s.left_ns)};
}

}  // namespace

QUIRE_SYSCALL(timerfd_create) {
  int clock = args.i(0), flags = args.i(1);
  if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) != 0 || !task::is_wall_clock(clock)) return err(EINVAL);
  auto file = make_ref<TimerFd>(task.kernel().timers(), clock, O_RDWR | (flags & O_NONBLOCK));
  return install(task, std::move(file), (flags & TFD_CLOEXEC) != 0);
}

QUIRE_SYSCALL(timerfd_settime) {
  if ((args.u(1) & ~u32{TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET}) != 0) return err(EINVAL);
  auto value = TRY(task.mm().read<itimerspec>(args.addr(2)));
  Ref<vfs::File> file = TRY(timerfd_at(task, args.i(0)));
  auto& timer = static_cast<TimerFd&>(*file);
  u64 first = TRY(task::to_ns(value.it_value)), interval = TRY(task::to_ns(value.it_interval));
  vfs::Deadline deadline;
  if (first != 0)
    deadline = TRY(task::wall_deadline(timer.clock(), first, (args.u(1) & TFD_TIMER_ABSTIME) != 0));
  auto old = timer.set(deadline, interval);
  if (args[3] != 0) TRY_VOID(task.mm().write(args.addr(3), encode(old)));
  return 0;
}

QUIRE_SYSCALL(timerfd_gettime) {
  Ref<vfs::File> file = TRY(timerfd_at(task, args.i(0)));
  TRY_VOID(task.mm().write(args.addr(1), encode(static_cast<TimerFd&>(*file).setting())));
  return 0;
}

}  // namespace quire::syscall
