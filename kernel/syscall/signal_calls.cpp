// System calls on signals.
#include <algorithm>

#include "kernel/abi/restart.h"
#include "kernel/syscall/handlers_task.h"
#include "kernel/syscall/support.h"
#include "kernel/task/clocks.h"
#include "kernel/task/kernel.h"
#include "kernel/task/pidfd.h"
#include "kernel/task/signal_frame.h"
#include "kernel/vfs/fd_table.h"

namespace quire::syscall {

using task::Process;
using task::signal_bit;
using task::SignalSet;

namespace {

/// struct sigaction as the kernel ABI has it.
struct KernelSigaction {
  u64 handler, flags, restorer;
  SignalSet mask;
};
static_assert(sizeof(KernelSigaction) == 32);

Result<> check_set_size(u64 size) {
  if (size != sizeof(SignalSet)) return err(EINVAL);
  return {};
}

/// May `task` signal a process of `other`'s user?
bool may_signal(Task& task, Process& target, int signo) {
  if (&target == &task.process()) return true;
  const vfs::Credentials& self = task.credentials();
  if (self.capable(cap_kill)) return true;
  const Ref<Task> other = target.any_task();
  const Ref<const vfs::Credentials> its =
      other ? other->credentials_snapshot() : Ref<const vfs::Credentials>();
  if (!its) return true;  // a zombie: the signal goes nowhere
  if (self.euid == its->suid || self.euid == its->uid || self.uid == its->suid || self.uid == its->uid)
    return true;
  return signo == SIGCONT && target.session() == task.process().session();
}

siginfo_t user_signal(Task& task, int signo, int code) {
  siginfo_t info{};
  info.si_signo = signo;
  info.si_code = code;
  info.si_pid = task.pid();
  info.si_uid = task.credentials().uid;
  return info;
}

Result<> send(Task& task, Process& target, int signo, const siginfo_t& info) {
  if (!may_signal(task, target, signo)) return err(EPERM);
  // The reaper stands for the outside: it takes no signal.
  if (signo != 0) target.send(info);
  return {};
}

Result<u64> send_to_thread(Task& task, i32 pid, i32 tid, int signo, const siginfo_t& info) {
  if (tid <= 0 || (pid <= 0 && pid != -1)) return err(EINVAL);
  if (signo != 0 && !task::valid_signal(signo)) return err(EINVAL);
  Ref<Task> target = task.kernel().find_task(tid);
  if (!target || (pid != -1 && target->pid() != pid)) return err(ESRCH);
  if (!may_signal(task, target->process(), signo)) return err(EPERM);
  if (signo != 0) target->process().send_to(*target, info);
  return 0;
}

/// A siginfo as the guest wants it delivered. Only to itself may it claim to come from the kernel.
Result<siginfo_t> read_info(Task& task, GuestAddr at, int signo, bool to_self) {
  siginfo_t info = TRY(task.mm().read<siginfo_t>(at));
  info.si_signo = signo;
  if ((info.si_code >= 0 || info.si_code == SI_TKILL) && !to_self) return err(EPERM);
  return info;
}

}  // namespace

QUIRE_SYSCALL(rt_sigaction) {
  TRY_VOID(check_set_size(args[3]));
  const int signo = args.i(0);
  if (!task::valid_signal(signo)) return err(EINVAL);
  if (args.addr(1) == GuestAddr{}) {
    const task::SignalAction old = task.process().action(signo);
    if (args.addr(2) != GuestAddr{})
      TRY_VOID(
          task.mm().write(args.addr(2), KernelSigaction{old.handler, old.flags, old.restorer, old.mask}));
    return 0;
  }
  const auto in = TRY(task.mm().read<KernelSigaction>(args.addr(1)));
  if ((signal_bit(signo) & task::unblockable) != 0) return err(EINVAL);
  const task::SignalAction old = task.process().set_action(
      signo, {.handler = in.handler, .flags = in.flags, .restorer = in.restorer, .mask = in.mask});
  if (args.addr(2) != GuestAddr{})
    TRY_VOID(task.mm().write(args.addr(2), KernelSigaction{old.handler, old.flags, old.restorer, old.mask}));
  return 0;
}

QUIRE_SYSCALL(rt_sigprocmask) {
  TRY_VOID(check_set_size(args[3]));
  const SignalSet old = task.blocked();
  if (args.addr(1) != GuestAddr{}) {
    const SignalSet set = TRY(task.mm().read<SignalSet>(args.addr(1)));
    switch (args.i(0)) {
      case SIG_BLOCK:
        task.set_blocked(old | set);
        break;
      case SIG_UNBLOCK:
        task.set_blocked(old & ~set);
        break;
      case SIG_SETMASK:
        task.set_blocked(set);
        break;
      default:
        return err(EINVAL);
    }
  }
  if (args.addr(2) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(2), old));
  return 0;
}

QUIRE_SYSCALL(rt_sigpending) {
  if (args[1] > sizeof(SignalSet)) return err(EINVAL);
  const SignalSet pending = task.pending_set() & task.blocked();
  TRY_VOID(task.mm().copy_out(args.addr(0), &pending, args[1]));
  return 0;
}

QUIRE_SYSCALL(rt_sigsuspend) {
  TRY_VOID(check_set_size(args[1]));
  task.set_temporary_mask(TRY(task.mm().read<SignalSet>(args.addr(0))));
  for (;;) {
    if (task.interrupted()) return err(abi::restart_nohand);
    if (!vfs::Waiter::current().sleep()) return err(abi::restart_nohand);
  }
}

QUIRE_SYSCALL(pause) {
  for (;;) {
    if (task.interrupted()) return err(abi::restart_nohand);
    if (!vfs::Waiter::current().sleep()) return err(abi::restart_nohand);
  }
}

QUIRE_SYSCALL(rt_sigtimedwait) {
  TRY_VOID(check_set_size(args[3]));
  const SignalSet set = TRY(task.mm().read<SignalSet>(args.addr(0))) & ~task::unblockable;
  vfs::Deadline deadline;
  if (args.addr(2) != GuestAddr{})
    deadline =
        task::after_ns(vfs::Clock::now(), TRY(task::to_ns(TRY(task.mm().read<timespec>(args.addr(2))))));
  task.set_waiting_for(set);
  std::optional<siginfo_t> info;
  Result<> slept;
  while (!(info = task.take_pending(set)) && slept) {
    slept = vfs::Waiter::current().sleep(deadline);
  }
  if (!info) info = task.take_pending(set);
  task.set_waiting_for(0);
  if (!info) return err(slept.error().value() == ETIMEDOUT ? EAGAIN : EINTR);
  if (args.addr(1) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(1), *info));
  return static_cast<u64>(info->si_signo);
}

QUIRE_SYSCALL(rt_sigreturn) {
  if (task::pop_signal_frame(task)) return task.regs().rax;
  siginfo_t info{};
  info.si_signo = SIGSEGV;
  info.si_code = SI_KERNEL;
  task.force_signal(info);
  return task.regs().rax;
}

QUIRE_SYSCALL(sigaltstack) {
  const u64 sp = task.regs().rsp;
  const task::GuestStack old = task::alt_stack_of(task, sp);
  if (args.addr(0) != GuestAddr{})
    TRY_VOID(task::set_alt_stack(task, TRY(task.mm().read<task::GuestStack>(args.addr(0))), sp));
  if (args.addr(1) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(1), old));
  return 0;
}

QUIRE_SYSCALL(kill) {
  const i32 pid = args.i(0);
  const int signo = args.i(1);
  if (signo != 0 && !task::valid_signal(signo)) return err(EINVAL);
  const siginfo_t info = user_signal(task, signo, SI_USER);
  if (pid > 0) {
    Ref<Process> target = task.kernel().find_process(pid);
    if (!target) {
      // A thread's id names its process here.
      const Ref<Task> thread = task.kernel().find_task(pid);
      if (!thread) return err(ESRCH);
      target = Ref<Process>(&thread->process());
    }
    TRY_VOID(send(task, *target, signo, info));
    return 0;
  }
  if (pid == INT32_MIN) return err(ESRCH);
  std::vector<Ref<Process>> targets;
  if (pid == -1) {
    for (Ref<Process>& p : task.kernel().processes())
      if (p->pid() > 1 && p.get() != &task.process()) targets.push_back(std::move(p));
  } else {
    task.kernel().for_each_in_group(pid == 0 ? task.process().group_id() : -pid,
                                    [&](Process& p) { targets.emplace_back(&p); });
  }
  if (targets.empty()) return err(ESRCH);
  bool sent = false;
  for (const Ref<Process>& p : targets) sent |= send(task, *p, signo, info).has_value();
  if (!sent) return err(EPERM);
  return 0;
}

QUIRE_SYSCALL(tkill) {
  return send_to_thread(task, -1, args.i(0), args.i(1), user_signal(task, args.i(1), SI_TKILL));
}

QUIRE_SYSCALL(tgkill) {
  if (args.i(0) <= 0) return err(EINVAL);
  return send_to_thread(task, args.i(0), args.i(1), args.i(2), user_signal(task, args.i(2), SI_TKILL));
}

QUIRE_SYSCALL(rt_sigqueueinfo) {
  const int signo = args.i(1);
  const siginfo_t info = TRY(read_info(task, args.addr(2), signo, args.i(0) == task.pid()));
  if (signo != 0 && !task::valid_signal(signo)) return err(EINVAL);
  Ref<Process> target = task.kernel().find_process(args.i(0));
  if (!target) return err(ESRCH);
  TRY_VOID(send(task, *target, signo, info));
  return 0;
}

QUIRE_SYSCALL(rt_tgsigqueueinfo) {
  if (args.i(0) <= 0 || args.i(1) <= 0) return err(EINVAL);
  const siginfo_t info = TRY(read_info(task, args.addr(3), args.i(2), args.i(0) == task.pid()));
  return send_to_thread(task, args.i(0), args.i(1), args.i(2), info);
}

QUIRE_SYSCALL(pidfd_send_signal) {
  if (args[3] != 0) return err(EINVAL);
  const int signo = args.i(1);
  if (signo != 0 && !task::valid_signal(signo)) return err(EINVAL);
  Ref<vfs::File> file = TRY(task.fds().get(args.i(0)));
  Process* target = task::process_of(*file);
  if (target == nullptr) return err(EBADF);
  siginfo_t info = user_signal(task, signo, SI_USER);
  if (args.addr(2) != GuestAddr{}) {
    info = TRY(task.mm().read<siginfo_t>(args.addr(2)));
    if (info.si_signo != signo) return err(EINVAL);
    if ((info.si_code >= 0 || info.si_code == SI_TKILL) && target != &task.process()) return err(EPERM);
  }
  if (target->has_exited()) return err(ESRCH);
  TRY_VOID(send(task, *target, signo, info));
  return 0;
}

}  // namespace quire::syscall
