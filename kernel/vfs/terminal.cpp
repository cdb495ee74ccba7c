#include "kernel/vfs/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>

#include "kernel/abi/restart.h"
#include "kernel/vfs/process_info.h"

namespace quire::vfs {

std::optional<Result<u64>> job_control_ioctl(const Ref<ControllingTerminal>& terminal, mm::AddressSpace& mm,
                                             u32 command, u64 argument) {
  Processes* p = processes();
  if (p == nullptr) return std::nullopt;
  bool mine = p->terminal() == terminal;
  auto put = [&](int v) -> Result<u64> {
    TRY_VOID(mm.write(GuestAddr(argument), v));
    return 0;
  };
  switch (command) {
    case TIOCGPGRP:
      if (!mine) return err(ENOTTY);
      return put(p->terminal_foreground(*terminal));
    case TIOCGSID:
      if (!mine) return err(ENOTTY);
      return put(p->terminal_session(*terminal));
    case TIOCSPGRP: {
      if (!mine) return err(ENOTTY);
      auto group = mm.read<int>(GuestAddr(argument));
      if (!group) return err(group.error());
      if (*group < 0) return err(EINVAL);
      if (auto ok = check_foreground(*terminal, SIGTTOU); !ok) return err(ok.error());
      if (!p->group_in_session(*group, p->current_session())) return err(EPERM);
      if (auto set = p->set_terminal_foreground(*terminal, *group); !set) return err(set.error());
      return Result<u64>(0);
    }
    case TIOCSCTTY: {
      if (mine) return Result<u64>(0);
      if (auto set = p->set_terminal(terminal, argument == 1); !set) return err(set.error());
      return Result<u64>(0);
    }
    case TIOCNOTTY:
      if (!mine) return err(ENOTTY);
      p->drop_terminal(*terminal);
      return Result<u64>(0);
    default:
      return std::nullopt;
  }
}

Result<> check_foreground(const ControllingTerminal& terminal, int signo) {
  Processes* p = processes();
  if (p == nullptr) return {};
  Ref<RefCounted> mine = p->terminal();
  if (mine.get() != &terminal) return {};
  int group = p->current_group();
  int foreground = p->terminal_foreground(terminal);
  if (foreground == 0 || group == foreground) return {};
  if (p->current_ignores_or_blocks(signo)) return signo == SIGTTIN ? Result<>(err(EIO)) : Result<>{};
  if (p->group_is_orphaned(group)) return err(EIO);
  (void)p->signal_group(group, signo);
  return err(abi::restart_sys);
}

void adopt_terminal(const Ref<ControllingTerminal>& terminal, int open_flags) {
  Processes* p = processes();
  if (p == nullptr || (open_flags & O_NOCTTY) != 0) return;
  if (p->current_session() != p->current_pid() || p->terminal()) return;
  if (p->terminal_session(*terminal) == 0) (void)p->set_terminal(terminal, false);
}

Result<Ref<File>> open_controlling_terminal(int flags) {
  Processes* p = processes();
  Ref<RefCounted> mine = p != nullptr ? p->terminal() : nullptr;
  auto* terminal = dynamic_cast<ControllingTerminal*>(mine.get());
  if (terminal == nullptr) return err(ENXIO);
  return terminal->open_again(flags);
}

}  // namespace quire::vfs
