// Pseudo-terminals: /dev/ptmx, /dev/pts, /dev/tty.
#pragma once

#include <sys/ioctl.h>

#include "kernel/vfs/inode.h"

namespace quire::fs::tty {

/// The one instance of the sandbox.
Ref<vfs::FileSystem> devpts();

/// Opens majors 5 (tty, ptmx) and 136 (pts): vfs::set_device_opener's argument.
Result<Ref<vfs::File>> open_device(vfs::Inode& node, u64 rdev, int flags);

/// A new pair for the composition (quire run -t): the master, and its slave opened.
struct Pair {
  Ref<vfs::File> master, slave;
  unsigned number = 0;
  Ref<RefCounted> terminal;  // what a session has as its controlling terminal
};
Result<Pair> open_pair();
/// The window's size changed: the foreground group gets SIGWINCH.
void set_window_size(RefCounted& terminal, const struct winsize& size);

}  // namespace quire::fs::tty
