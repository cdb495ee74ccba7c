// The path walk itself, shared by walk.cpp, open.cpp and operations.cpp.
#pragma once

#include "kernel/vfs/operations.h"

namespace quire::vfs {

/// Where a walk ended.
struct WalkEnd {
  Path path;           // what was found; empty if the last component does not exist
  Path parent;         // the directory that holds it, if the path ends in an ordinary name
  std::string name;    // that name; "." and ".." for those; empty if it ended at a start or magic link
  bool slash = false;  // a slash follows the name
  Ref<File> file;      // a magic link led to a file without a path
};

/// Walks to the end. The last component need not exist; all before it must.
/// `parent_only`: the last component is not even looked up.
Result<WalkEnd> walk_to_end(const Lookup& at, std::string_view name, u32 flags, bool parent_only);

}  // namespace quire::vfs
