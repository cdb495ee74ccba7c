// Inodes and file systems: what a concrete file system implements.
//
// An Inode knows no names: path.h's dentries do that. The caller (vfs/operations.h) has checked
// permissions, mount flags and name lengths, has looked names up, and holds the directory's
// directory_lock for changes, so an operation finds no race between "is it there?" and "make it";
// everything else an implementation guards itself. No operation is called with a lock of rank >= inode
// held, except by a stacked file system (overlay) on the one below.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"
#include "kernel/abi/types.h"
#include "kernel/vfs/credentials.h"

#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>

namespace quire::vfs {

class Dentry;
class File;
class FileLocks;
class FileSystem;
class Inode;
class InodeWatches;
class Mount;
struct Path;

/// All that stat and statx tell.
struct Attributes {
  u32 mode = 0;  // S_IFMT and permission bits
  u32 uid = 0, gid = 0;
  u32 nlink = 1;
  u64 inode = 0;
  u64 device = 0;  // dev_t of the file system
  u64 rdev = 0;    // dev_t of a device node
  u64 size = 0;    // bytes
  u64 blocks = 0;  // of 512 bytes
  u32 block_size = 4096;
  timespec atime{}, mtime{}, ctime{}, btime{};
  bool has_btime = false;
};
struct stat to_stat(const Attributes& a);
Attributes from_stat(const struct stat& s);

/// What permission checks need; cheap to get.
struct Owner {
  u32 mode = 0, uid = 0, gid = 0;
};

/// What to change; ctime follows by itself. Already permitted; mode holds 07777 bits only.
struct AttributeChange {
  std::optional<u32> mode{}, uid{}, gid{};
  std::optional<u64> size{};
  std::optional<timespec> atime{}, mtime{};
};

/// A node to be made; mode includes the type.
struct NewNode {
  u32 mode = 0;
  u32 uid = 0, gid = 0;
  u64 rdev = 0;
  std::string target;  // of a symbolic link
};

/// Where a magic link (/proc/PID/fd/N, exe, cwd, root) leads: a path, or an open file without one.
struct MagicTarget;

/// A file, directory, link or node of some file system.
class Inode : public RefCounted {
 public:
  Inode(FileSystem& fs, u32 type);
  ~Inode() override;

  FileSystem& file_system() const { return *fs_; }
  /// S_IFREG, S_IFDIR, ...: never changes.
  u32 type() const { return type_; }
  bool is_directory() const { return type_ == S_IFDIR; }
  bool is_regular() const { return type_ == S_IFREG; }
  bool is_symlink() const { return type_ == S_IFLNK; }

  virtual Result<Attributes> attributes() = 0;
  virtual Result<Owner> owner();
  virtual Result<> set_attributes(const AttributeChange& change);  // EPERM

  // --- directories (ENOTDIR by default; changes EROFS) ----------------------------------------------
  /// ENOENT when there is no such name.
  virtual Result<Ref<Inode>> lookup(std::string_view name);
  /// Makes any kind of node. Never exists already.
  virtual Result<Ref<Inode>> create(std::string_view name, const NewNode& node);
  virtual Result<> link(std::string_view name, Inode& target);
  /// Removes a non-directory / an empty directory (ENOTEMPTY).
  virtual Result<> unlink(std::string_view name, Inode& victim);
  virtual Result<> rmdir(std::string_view name, Inode& victim);
  /// Moves `moved` from here to new_dir/new_name, replacing `replaced` if not null. `flags` holds
  /// RENAME_EXCHANGE or RENAME_WHITEOUT at most.
  virtual Result<> rename(std::string_view name, Inode& moved, Inode& new_dir, std::string_view new_name,
                          Inode* replaced, u32 flags);
  /// Is a cached look-up of `name` (null: "not there") still right? `last`: it is the end of a path,
  /// so what the caller does next depends on it. Only asked if the file system revalidates().
  virtual bool still_valid(std::string_view name, Inode* cached, bool last);

  // --- the rest ---------------------------------------------------------------------------------------
  /// A new open file description. `flags`: O_* as given to open; truncation was done already.
  virtual Result<Ref<File>> open(int flags) = 0;
  virtual Result<std::string> read_link();  // EINVAL
  /// For magic links: where it leads. nullopt: an ordinary link.
  virtual Result<std::optional<MagicTarget>> follow_magic();

  virtual Result<std::string> get_xattr(const std::string& name);  // EOPNOTSUPP
  virtual Result<> set_xattr(const std::string& name, std::string_view value, int flags);
  virtual Result<> remove_xattr(const std::string& name);
  virtual Result<std::vector<std::string>> list_xattrs();

  /// Serialises changes of this directory.
  Mutex<locks::directory> directory_lock;

  /// Record and whole-file locks on it, made at first use.
  FileLocks& file_locks();
  FileLocks* file_locks_if_any() const { return locks_.load(std::memory_order_acquire); }
  /// inotify watches on it, made at first use.
  InodeWatches& watches();
  InodeWatches* watches_if_any() const { return watches_.load(std::memory_order_acquire); }

 private:
  Ref<FileSystem> fs_;
  u32 type_;
  std::atomic<FileLocks*> locks_{nullptr};
  std::atomic<InodeWatches*> watches_{nullptr};
};

/// A mounted or mountable file system.
class FileSystem : public RefCounted {
 public:
  virtual const char* type_name() const = 0;
  virtual Result<Ref<Inode>> root() = 0;
  virtual Result<struct statfs> statfs() = 0;
  virtual Result<> sync() { return {}; }
  /// True if names can change behind our back (the host): dentries ask Inode::still_valid.
  virtual bool revalidates() const { return false; }
  /// False: names are made up on the fly (/proc), never cache them.
  virtual bool caches_names() const { return true; }
  /// A node with no name: O_TMPFILE, memfd, the copies of an overlay. EOPNOTSUPP.
  virtual Result<Ref<Inode>> make_orphan(const NewNode& node);
  /// Options as /proc/mounts shows them after ro/rw ("size=65536k"); empty: none.
  virtual std::string options() const { return {}; }
  /// Its dev_t, from a range of minors of our own unless the file system says otherwise.
  u64 device() const { return device_; }

 protected:
  FileSystem();
  void set_device(u64 device) { device_ = device; }

 private:
  u64 device_;
};

/// The current time, for the stamps of inodes.
timespec now();

}  // namespace quire::vfs
