// One file of the host.
#pragma once

#include "kernel/fs/host/host_fs.h"
#include "kernel/vfs/file.h"

namespace quire::fs::host {

class HostPages;

/// statx of `name` in `directory` (of the descriptor itself if the name is empty), not following links.
Result<vfs::Attributes> stat_at(int directory, const char* name);

class HostInode final : public vfs::Inode {
 public:
  HostInode(HostFileSystem& fs, const vfs::Attributes& found, HostInode* parent, std::string_view name);
  ~HostInode() override;

  Result<vfs::Attributes> attributes() override;
  Result<vfs::Owner> owner() override;
  Result<> set_attributes(const vfs::AttributeChange& change) override;
  Result<Ref<vfs::Inode>> lookup(std::string_view name) override;
  Result<Ref<vfs::Inode>> create(std::string_view name, const vfs::NewNode& node) override;
  Result<> link(std::string_view name, vfs::Inode& target) override;
  Result<> unlink(std::string_view name, vfs::Inode& victim) override;
  Result<> rmdir(std::string_view name, vfs::Inode& victim) override;
  Result<> rename(std::string_view name, vfs::Inode& moved, vfs::Inode& new_dir, std::string_view new_name,
                  vfs::Inode* replaced, u32 flags) override;
  bool still_valid(std::string_view name, vfs::Inode* cached, bool last) override;
  Result<Ref<vfs::File>> open(int flags) override;
  Result<std::string> read_link() override;
  Result<std::string> get_xattr(const std::string& name) override;
  Result<> set_xattr(const std::string& name, std::string_view value, int flags) override;
  Result<> remove_xattr(const std::string& name) override;
  Result<std::vector<std::string>> list_xattrs() override;

  HostFileSystem& host_fs() const { return static_cast<HostFileSystem&>(file_system()); }
  const Key& key() const { return key_; }
  /// A descriptor of this directory (O_PATH or better). ESTALE if it is no longer where it was.
  Result<Ref<HostFd>> directory_fd();
  /// Opens this very file by its last known name. ESTALE.
  Result<Ref<HostFd>> open_host(int flags);
  /// Attributes were just read from the host / are known to have changed.
  void refresh(const vfs::Attributes& found);
  void make_stale() { refreshed_.store(0, std::memory_order_release); }
  /// Where it was last seen.
  void set_place(HostInode* parent, std::string_view name);

  /// The cached pages, valid for the file as `fd` shows it now. `for_writing`: mappings will write.
  Result<Ref<mm::MemoryObject>> pages(int fd, bool for_writing);
  /// Before reading or writing the file by descriptor: pages written by mappings go out first.
  void before_read();
  void after_write();
  /// Gives up the cached pages (mappings keep theirs), writing back what is dirty.
  void drop_pages();
  Result<> write_back();

  // HostFileSystem's, under its lock:
  Ref<HostFd> directory_;
  std::list<HostInode*>::iterator directory_place_;
  bool in_objects_ = false;

 private:
  void unlinked();
  Ref<HostInode> parent() const;
  std::string name() const;
  bool fresh(u64 for_ns) const;

  const Key key_;
  mutable SharedMutex<locks::inode> lock_;
  Ref<HostInode> parent_ GUARDED_BY(lock_);
  std::string name_ GUARDED_BY(lock_);
  vfs::Attributes a_ GUARDED_BY(lock_);
  std::atomic<u64> refreshed_{0};        // CLOCK_MONOTONIC, ns
  std::atomic<bool> off_limits_{false};  // a procfs, sysfs or the like of the host

  Ref<mm::MemoryObject> object_ GUARDED_BY(lock_);
  HostPages* source_ GUARDED_BY(lock_) = nullptr;  // the object's
  vfs::Attributes object_of_ GUARDED_BY(lock_);    // the state of the file that it caches
  std::atomic<bool> mapped_for_writing_{false};
};

}  // namespace quire::fs::host
