// An inode that is loaded: what its nodes on flash come to.
#pragma once

#include <sys/stat.h>

#include <memory>

#include "jffs2/fs/directory.h"
#include "jffs2/fs/fragments.h"

namespace quire::jffs2 {

struct Inode {
  Ino ino{};
  Slot slot = kNoSlot;
  Version highest{};  ///< of any node of the inode that can be read, obsolete ones too
  u32 mode = 0;
  u16 uid = 0;
  u16 gid = 0;
  u32 size = 0;
  u32 atime = 0;
  u32 mtime = 0;
  u32 ctime = 0;
  /// The node that is kept for its fields, or (not a regular file) its data as well. A regular file
  /// has none while its newest node holds data.
  RefId metadata = kNoRef;
  Fragments fragments;                   ///< regular file
  std::unique_ptr<Directory> directory;  ///< directory

  u32 opens = 0;
  bool nameless = false;  ///< removed while open; goes at the last close
  u64 last_use = 0;
  u64 counted_memory = 0;

  bool is_dir() const { return S_ISDIR(mode); }
  bool is_reg() const { return S_ISREG(mode); }
  u64 memory() const { return sizeof(*this) + fragments.memory() + (directory ? directory->memory() : 0); }
};

}  // namespace quire::jffs2
