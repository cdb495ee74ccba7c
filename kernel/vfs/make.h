// Making nodes in directories: shared by open.cpp and operations.cpp.
#pragma once

#include "kernel/vfs/operations.h"

namespace quire::vfs {

/// Owner, group and mode (with type; umask applied) of a node made in `dir`: set-group-ID directories
/// hand on their group.
Result<NewNode> new_node(Inode& dir, u32 mode, const Credentials& credentials);

/// Makes `name` in a directory the caller may write to. EEXIST if it is there meanwhile.
Result<Path> make_in(const Path& dir, const std::string& name, u32 mode, u64 rdev, std::string target,
                     const Credentials& credentials);

}  // namespace quire::vfs
