// Job control, for every kind of terminal: our own and those of the host passed through.
#pragma once

#include "kernel/vfs/file.h"

namespace quire::vfs {

/// A terminal that can control a session. Identity counts: one object for each terminal.
class ControllingTerminal : public RefCounted {
 public:
  /// Another description of it (/dev/tty).
  virtual Result<Ref<File>> open_again(int flags) = 0;
  /// Its dev_t, for /proc/PID/stat.
  virtual u64 device() const = 0;
  /// TOSTOP is set: background writers stop too.
  virtual bool stops_writers() = 0;
};

/// TIOCGPGRP, TIOCSPGRP, TIOCGSID, TIOCSCTTY, TIOCNOTTY; nullopt for other commands.
std::optional<Result<u64>> job_control_ioctl(const Ref<ControllingTerminal>& terminal, mm::AddressSpace& mm,
                                             u32 command, u64 argument);

/// Before reading (SIGTTIN) or writing and changing (SIGTTOU): a background process of the terminal's
/// session is stopped (the call is restarted after that) or, where that cannot be, gets EIO.
Result<> check_foreground(const ControllingTerminal& terminal, int signo);

/// Opening a terminal without O_NOCTTY makes it that of a session leader without one.
void adopt_terminal(const Ref<ControllingTerminal>& terminal, int open_flags);

/// /dev/tty: ENXIO without a controlling terminal.
Result<Ref<File>> open_controlling_terminal(int flags);

}  // namespace quire::vfs
