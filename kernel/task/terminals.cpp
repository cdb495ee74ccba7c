// Which session a terminal controls.
#include "kernel/task/kernel.h"

namespace quire::task {

namespace {

constexpr Pid reaper_pid = 1;

siginfo_t hang_up(int signo) {
  siginfo_t info{};
  info.si_signo = signo;
  info.si_code = SI_KERNEL;
  return info;
}

}  // namespace

std::pair<Ref<RefCounted>, Pid> Kernel::terminal_of(const Session& session) const {
  LockGuard table(table_lock_);
  return {session.terminal, session.foreground};
}

Ref<Session> Kernel::session_of(const RefCounted& terminal) const {
  LockGuard table(table_lock_);
  for (const auto& [pid, process] : processes_)
    if (process->session_->terminal.get() == &terminal) return process->session_;
  return nullptr;
}

void Kernel::set_first_terminal(Ref<RefCounted> terminal) {
  LockGuard table(table_lock_);
  Session& session = *reaper_->session_;
  session.terminal = std::move(terminal);
  session.foreground = reaper_pid;
}

Result<> Kernel::set_terminal(Task& task, Ref<RefCounted> terminal, bool steal) {
  const Ref<Session> other = session_of(*terminal);
  LockGuard table(table_lock_);
  Process& self = task.process();
  Session& session = *self.session_;
  if (session.id != self.pid() || session.terminal) return err(EPERM);
  if (other && other.get() != &session) {
    if (!steal || !task.credentials().capable(21 /* CAP_SYS_ADMIN */)) return err(EPERM);
    other->terminal = nullptr;
    other->foreground = 0;
  }
  session.terminal = std::move(terminal);
  session.foreground = self.group_;
  return {};
}

void Kernel::drop_terminal(const RefCounted& terminal) {
  const Ref<Session> session = session_of(terminal);
  if (!session) return;
  Pid foreground;
  Ref<RefCounted> dropped;
  {
    LockGuard table(table_lock_);
    foreground = session->foreground;
    dropped = std::move(session->terminal);
    session->foreground = 0;
  }
  if (foreground == 0) return;
  (void)send_to_group(foreground, hang_up(SIGHUP));
  (void)send_to_group(foreground, hang_up(SIGCONT));
}

Result<> Kernel::set_terminal_foreground(const RefCounted& terminal, Pid group) {
  const Ref<Session> session = session_of(terminal);
  if (!session) return err(ENOTTY);
  LockGuard table(table_lock_);
  session->foreground = group;
  return {};
}

}  // namespace quire::task
