// Mounts and the tree they make.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/vfs/path.h"

namespace quire::vfs {

/// One file system, or a part of one (bind), shown at one place. The MS_* flags kept are RDONLY, NOSUID,
/// NODEV, NOEXEC, NOATIME.
class Mount : public RefCounted {
 public:
  Mount(Ref<FileSystem> fs, Ref<Dentry> root, u64 flags, std::string source);
  ~Mount() override;

  FileSystem& file_system() const { return *fs_; }
  const Ref<FileSystem>& file_system_ref() const { return fs_; }
  const Ref<Dentry>& root() const { return root_; }
  u64 flags() const { return flags_.load(std::memory_order_relaxed); }
  void set_flags(u64 flags) { flags_.store(flags, std::memory_order_relaxed); }
  bool read_only() const;
  const std::string& source() const { return source_; }
  /// Made by the composition: guests may neither unmount it nor make it writable.
  bool locked() const { return locked_.load(std::memory_order_relaxed); }
  void lock() { locked_.store(true, std::memory_order_relaxed); }
  int id() const { return id_; }

 private:
  friend class MountTable;
  Ref<FileSystem> fs_;
  Ref<Dentry> root_;
  std::atomic<u64> flags_;
  std::atomic<bool> locked_{false};
  std::string source_;
  int id_;
  Path at_;  // what it covers; guarded by the table's lock
};

/// What /proc/self/mountinfo tells of one mount.
struct MountInfo {
  int id = 0, parent = 0;
  u64 device = 0, flags = 0;
  std::string root;   // within its file system
  std::string point;  // as seen from the given root
  std::string type, source, options;
};

/// All mounts of the sandbox. There is one, made at start.
class MountTable {
 public:
  /// Starts with `fs` as the root.
  static Result<Ref<Mount>> make_root(Ref<FileSystem> fs, u64 flags, std::string source);
  static MountTable& instance();

  /// The top mount's root if something is mounted on `at`, else `at` itself.
  Path cross_down(Path at) const;
  /// Where `mount` is mounted; an empty path at the very root.
  Path covered_by(const Mount& mount) const;

  /// Mounts on `at` (a directory on a directory, else ENOTDIR).
  Result<Ref<Mount>> mount(const Path& at, Ref<FileSystem> fs, u64 flags, std::string source);
  /// Shows `what` also at `at`; `recursive`: with what is mounted below it.
  Result<> bind(const Path& what, const Path& at, bool recursive, u64 flags);
  Result<> move(const Path& what, const Path& at);
  /// EBUSY if something is mounted below it, unless `detach`.
  Result<> unmount(const Path& mounted, bool detach);
  /// Mounts reachable from `root`, in the order made.
  std::vector<MountInfo> list(const Path& root) const;
  /// Every file system mounted anywhere, once.
  std::vector<Ref<FileSystem>> file_systems() const;

 private:
  Ref<Mount> add(const Path& at, Ref<FileSystem> fs, Ref<Dentry> root, u64 flags, std::string source)
      REQUIRES(lock_);

  mutable SharedMutex<locks::mounts> lock_;
  std::map<std::pair<const Mount*, const Dentry*>, Ref<Mount>> by_point_ GUARDED_BY(lock_);
  std::vector<Ref<Mount>> all_ GUARDED_BY(lock_);
};

/// The absolute name of a path as seen from `root`: "/a/b", "/a/b (deleted)" for the unlinked; what
/// lies outside root gets "(unreachable)" in front, as in Linux.
std::string path_name(const Path& path, const Path& root);

}  // namespace quire::vfs
