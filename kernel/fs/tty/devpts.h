// The directory of terminals.
#pragma once

#include "kernel/fs/tty/tty.h"
#include "kernel/vfs/path.h"

namespace quire::fs::tty {

/// The master has gone: the number is free again.
void forget_pty(unsigned number);
/// The path of a slave, for /proc and ttyname; empty if it has gone.
vfs::Path slave_path(unsigned number);

}  // namespace quire::fs::tty
