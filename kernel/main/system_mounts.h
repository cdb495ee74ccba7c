// The kernel's own part of the file tree, and what system calls get from file systems.
#pragma once

#include "kernel/task/kernel.h"
#include "kernel/vfs/operations.h"

namespace quire::cli {

/// Mounts /proc, /sys, /dev (with pts and shm) and /run over the root that `at` stands at, with every
/// capability. Mount points that the root lacks are made with `make_directories`; else left out.
Result<> mount_system(const vfs::Lookup& at, mm::MemoryManager& memory, task::Kernel& kernel,
                      u64 memory_limit, bool make_directories);

/// Fills in vfs::services() and the openers of devices and FIFOs. Once, before anything runs.
Result<> provide_services(mm::MemoryManager& memory, task::Kernel& kernel);

}  // namespace quire::cli
