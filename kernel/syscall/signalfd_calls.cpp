// signalfd(2).
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>

#include "kernel/syscall/file_common.h"
#include "kernel/syscall/handlers_event.h"

namespace quire::syscall {
namespace {

/// Reads the signals of whoever calls: the calling task's own and its process's.
class SignalFd final : public vfs::File {
 public:
  SignalFd(Ref<task::Process> process, task::SignalSet wanted, int flags)
      : File(flags), process_(std::move(process)), wanted_(wanted) {}

  Result<std::size_t> read(vfs::IoBuffer& to, i64) override {
    if (to.remaining() < sizeof(signalfd_siginfo)) return err(EINVAL);
    task::Task* task = task::Task::current();
    if (task == nullptr) return err(EINVAL);
    vfs::WaitEntry entry(process_->signal_events(), vfs::Waiter::current());
    std::size_t done = 0;
    for (;;) {
      while (to.remaining() >= sizeof(signalfd_siginfo)) {
        auto info = task->take_pending(wanted_.load());
        if (!info) break;
        signalfd_siginfo s = encode(*info);
        done += TRY(to.put(std::as_bytes(std::span(&s, 1))));
      }
      if (done != 0) return done;
      if (nonblocking()) return err(EAGAIN);
      TRY_VOID(vfs::Waiter::current().sleep());
    }
  }
  u32 poll() override {
    task::Task* task = task::Task::current();
    task::SignalSet pending = task != nullptr ? task->pending_set() : process_->pending_set();
    return (pending & wanted_.load()) != 0 ? POLLIN | POLLRDNORM : 0;
  }
  vfs::WaitQueue* wait_queue() override { return &process_->signal_events(); }
  std::string describe() override { return "anon_inode:[signalfd]"; }
  void set_wanted(task::SignalSet wanted) { wanted_.store(wanted); }

 private:
  static signalfd_siginfo encode(const siginfo_t& i) {
    signalfd_siginfo s{};
    s.ssi_signo = static_cast<u32>(i.si_signo);
    s.ssi_errno = i.si_errno;
    s.ssi_code = i.si_code;
    s.ssi_pid = static_cast<u32>(i.si_pid);
    s.ssi_uid = i.si_uid;
    s.ssi_int = i.si_value.sival_int;
    s.ssi_ptr = reinterpret_cast<u64>(i.si_value.sival_ptr);
    if (i.si_signo == SIGCHLD) {
      s.ssi_status = i.si_status;
      s.ssi_utime = static_cast<u64>(i.si_utime);
      s.ssi_stime = static_cast<u64>(i.si_stime);
    } else if (i.si_code == SI_TIMER) {
      s.ssi_tid = static_cast<u32>(i.si_timerid);
      s.ssi_overrun = static_cast<u32>(i.si_overrun);
    }
    return s;
  }

  const Ref<task::Process> process_;
  std::atomic<task::SignalSet> wanted_;
};

Result<u64> make_signalfd(Task& task, int fd, GuestAddr mask_at, u64 size, int flags) {
  if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) != 0 || size != sizeof(task::SignalSet)) return err(EINVAL);
  auto wanted = TRY(task.mm().read<u64>(mask_at)) & ~task::unblockable;
  if (fd == -1) {
    auto file =
        make_ref<SignalFd>(Ref<task::Process>(&task.process()), wanted, O_RDWR | (flags & O_NONBLOCK));
    return install(task, std::move(file), (flags & SFD_CLOEXEC) != 0);
  }
  Ref<vfs::File> file = TRY(file_at(task, fd));
  auto* have = dynamic_cast<SignalFd*>(file.get());
  if (have == nullptr) return err(EINVAL);
  have->set_wanted(wanted);
  return static_cast<u64>(fd);
}

}  // namespace

QUIRE_SYSCALL(signalfd) { return make_signalfd(task, args.i(0), args.addr(1), args[2], 0); }
QUIRE_SYSCALL(signalfd4) { return make_signalfd(task, args.i(0), args.addr(1), args[2], args.i(3)); }

}  // namespace quire::syscall
