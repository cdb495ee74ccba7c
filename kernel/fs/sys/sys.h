// /sys: processors, memory policy and an empty device tree.
#pragma once

#include "kernel/vfs/inode.h"

namespace quire::fs::sys {

/// The one instance of the sandbox. `cpus`: as guests see them.
Ref<vfs::FileSystem> instance(unsigned cpus);

}  // namespace quire::fs::sys
