// A directory of the host as a file system: read-only as the lower side of the root, or writable for -v
// and --rw.
//
// Everything is reached from the one directory descriptor handed in, a component at a time and without
// following symbolic links; ".." and links are the vfs's affair and stay in the guest's tree. What is
// found is checked against the device and inode number expected, so a name that the host changed in
// between gives ESTALE and the walk starts afresh.
//
// What the host calls cost is saved by caching: a name in the middle of a path is believed for a second,
// one at the end is asked for anew each time (one statx, which also brings the attributes).
#pragma once

#include <list>
#include <unordered_map>

#include "kernel/mm/memory_manager.h"
#include "kernel/vfs/inode.h"

namespace quire::fs::host {

class HostInode;

struct Options {
  bool writable = false;
  /// Descriptors kept open for directories, and objects of cached pages, at most.
  std::size_t max_directories = 1024;
  std::size_t max_objects = 512;
};

/// A host descriptor, closed with the last reference.
class HostFd : public RefCounted {
 public:
  explicit HostFd(int fd) : fd_(fd) {}
  ~HostFd() override;
  int get() const { return fd_; }

 private:
  const int fd_;
};

/// Which file of the host: device and inode number.
struct Key {
  u64 device = 0, inode = 0;
  friend bool operator==(const Key&, const Key&) = default;
};
struct KeyHash {
  std::size_t operator()(const Key& k) const { return k.inode * 0x9e3779b97f4a7c15u ^ k.device; }
};

class HostFileSystem final : public vfs::FileSystem {
 public:
  /// Takes over `directory` (O_PATH is enough), which may also be a regular file. ENOTDIR.
  static Result<Ref<HostFileSystem>> create(int directory, mm::MemoryManager& mm, const Options& options);
  ~HostFileSystem() override;

  const char* type_name() const override { return "host"; }
  Result<Ref<vfs::Inode>> root() override;
  Result<struct statfs> statfs() override;
  Result<> sync() override;
  bool revalidates() const override { return true; }

  bool writable() const { return options_.writable; }
  mm::MemoryManager& manager() const { return mm_; }

  /// The inode for what statx found: the living one, or a new one.
  Ref<HostInode> inode_for(const vfs::Attributes& found, HostInode* parent, std::string_view name);
  void forget(HostInode& inode);
  /// Keeps the descriptor of a directory / the pages of a file, and lets go of the oldest beyond the
  /// limit.
  void keep_directory(HostInode& inode, Ref<HostFd> fd);
  void keep_object(HostInode& inode);
  Ref<HostFd> directory_fd_of(HostInode& inode);

 private:
  HostFileSystem(Ref<HostFd> root, mm::MemoryManager& mm, const Options& options);

  const Ref<HostFd> root_;
  mm::MemoryManager& mm_;
  const Options options_;
  Mutex<locks::host_table> lock_;
  std::unordered_map<Key, HostInode*, KeyHash> inodes_ GUARDED_BY(lock_);
  std::list<HostInode*> directories_ GUARDED_BY(lock_);  // with open descriptors, oldest first
  std::list<Ref<HostInode>> objects_ GUARDED_BY(lock_);  // with cached pages, oldest first
};

}  // namespace quire::fs::host
