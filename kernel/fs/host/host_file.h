// Open files and directories of the host.
#pragma once

#include "kernel/fs/host/host_inode.h"

namespace quire::fs::host {

class HostFile final : public vfs::File {
 public:
  HostFile(Ref<HostInode> node, Ref<HostFd> fd, int flags)
      : File(flags), node_(std::move(node)), fd_(std::move(fd)) {}

  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override;
  Result<u64> seek(i64 offset, int whence) override;
  Result<vfs::Mappable> map(u64 offset, u64 length, Access access, bool shared) override;
  Result<> sync(bool data_only) override;
  Result<> truncate(u64 size) override;
  Result<> allocate(int mode, u64 offset, u64 length) override;
  Result<vfs::Attributes> attributes() override;
  Result<> set_attributes(const vfs::AttributeChange& change) override;
  Result<struct statfs> statfs() override;
  vfs::Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }
  int host_fd() const override { return fd_->get(); }

 private:
  Result<std::size_t> read_at(vfs::IoBuffer& to, u64 offset);
  Result<std::size_t> write_at(vfs::IoBuffer& from, u64 offset);
  Result<std::size_t> append(vfs::IoBuffer& from);
  bool host_fs_writable() const;

  const Ref<HostInode> node_;
  const Ref<HostFd> fd_;
};

class HostDirectoryFile final : public vfs::File {
 public:
  HostDirectoryFile(Ref<HostInode> node, Ref<HostFd> fd, int flags)
      : File(flags), node_(std::move(node)), fd_(std::move(fd)) {}

  Result<std::size_t> read(vfs::IoBuffer&, i64) override { return err(EISDIR); }
  Result<u64> seek(i64 offset, int whence) override;
  Result<> read_directory(vfs::DirSink& sink) override;
  Result<> sync(bool) override;
  Result<vfs::Attributes> attributes() override;
  Result<struct statfs> statfs() override;
  vfs::Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }

 private:
  const Ref<HostInode> node_;
  const Ref<HostFd> fd_;
  std::vector<std::byte> buffer_ GUARDED_BY(position_lock_);
  std::size_t next_ GUARDED_BY(position_lock_) = 0, end_ GUARDED_BY(position_lock_) = 0;
};

/// chmod, chown, times and size by descriptor; never sets set-id bits (EPERM).
Result<> change_by_fd(int fd, bool path_only, const vfs::AttributeChange& change, u32 type);

}  // namespace quire::fs::host
