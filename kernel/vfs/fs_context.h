// A process's place in the file tree: root, working directory, umask.
#pragma once

#include "kernel/vfs/mount.h"

namespace quire::vfs {

/// Shared by threads (CLONE_FS), else copied at fork.
class FsContext : public RefCounted {
 public:
  FsContext(Path root, Path cwd, u32 umask) : root_(std::move(root)), cwd_(std::move(cwd)), umask_(umask) {}
  /// A copy of its own, for fork.
  Ref<FsContext> copy() const;

  Path root() const;
  Path cwd() const;
  void set_root(Path root);
  void set_cwd(Path cwd);
  u32 umask() const { return umask_.load(std::memory_order_relaxed); }
  /// Returns the old one.
  u32 set_umask(u32 umask) { return umask_.exchange(umask & 0777, std::memory_order_relaxed); }

 private:
  mutable Mutex<locks::fs_context> lock_;
  Path root_ GUARDED_BY(lock_);
  Path cwd_ GUARDED_BY(lock_);
  std::atomic<u32> umask_;
};

}  // namespace quire::vfs
