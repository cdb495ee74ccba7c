// /dev: the memory devices, and the nodes and links a guest expects to find.
#pragma once

#include "kernel/vfs/operations.h"

namespace quire::fs::dev {

/// Opens the memory devices (major 1): null, zero, full, random, urandom.
/// For vfs::set_device_opener(1, ...).
Result<Ref<vfs::File>> open_memory_device(vfs::Inode& node, u64 rdev, int flags);

/// Makes the nodes, directories (pts, shm, mqueue) and links in the empty directory `at.start`.
/// `at` has every capability.
Result<> populate(const vfs::Lookup& at);

}  // namespace quire::fs::dev
