// Open files and directories of an overlay.
#pragma once

#include "kernel/fs/overlay/overlay_inode.h"

namespace quire::fs::overlay {

/// Goes on with the copy when the file is copied up after it was opened for reading.
class OverlayFile final : public vfs::File {
 public:
  OverlayFile(Ref<OverlayInode> node, Ref<vfs::File> opened, bool is_upper, int flags);
  ~OverlayFile() override;

  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override;
  Result<u64> seek(i64 offset, int whence) override;
  Result<vfs::Mappable> map(u64 offset, u64 length, Access access, bool shared) override;
  Result<> sync(bool) override { return {}; }
  Result<> truncate(u64 size) override { return node_->set_attributes({.size = size}); }
  Result<> allocate(int mode, u64 offset, u64 length) override;
  Result<vfs::Attributes> attributes() override;
  Result<u64> control(int command, u64 argument) override;
  vfs::Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }
  int host_fd() const override;

 private:
  Result<vfs::File*> current();

  const Ref<OverlayInode> node_;
  const Ref<vfs::File> lower_;              // null if opened above
  std::atomic<vfs::File*> upper_{nullptr};  // owned
};

class OverlayDirectoryFile final : public vfs::File {
 public:
  OverlayDirectoryFile(Ref<OverlayInode> node, Ref<vfs::File> lower, int flags)
      : File(flags), node_(std::move(node)), lower_(std::move(lower)) {}

  Result<std::size_t> read(vfs::IoBuffer&, i64) override { return err(EISDIR); }
  Result<u64> seek(i64 offset, int whence) override;
  Result<> read_directory(vfs::DirSink& sink) override;
  Result<> sync(bool) override { return {}; }
  vfs::Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }

 private:
  const Ref<OverlayInode> node_;
  const Ref<vfs::File> lower_;  // null: nothing below
  // At the start it is decided: an unchanged directory is read from below, a changed one from a list.
  bool merged_ GUARDED_BY(position_lock_) = false;
  std::vector<OverlayInode::Name> list_ GUARDED_BY(position_lock_);
};

}  // namespace quire::fs::overlay
