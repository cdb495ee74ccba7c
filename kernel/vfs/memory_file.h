// An open regular file of memory.
#pragma once

#include "kernel/vfs/memory_inode.h"

namespace quire::vfs {

class MemoryFile : public File {
 public:
  MemoryFile(Ref<MemoryInode> node, int flags) : File(flags), node_(std::move(node)) {}

  Result<std::size_t> read(IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(IoBuffer& from, i64 offset) override;
  Result<u64> seek(i64 offset, int whence) override;
  Result<Mappable> map(u64 offset, u64 length, Access access, bool shared) override;
  Result<> sync(bool) override { return {}; }
  Result<> truncate(u64 size) override { return node_->set_attributes({.size = size}); }
  Result<> allocate(int mode, u64 offset, u64 length) override {
    return node_->allocate(mode, offset, length);
  }
  Result<Attributes> attributes() override { return node_->attributes(); }
  Result<u64> control(int command, u64 argument) override;
  Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }

 private:
  Ref<MemoryInode> node_;
};

/// Reads out whatever has entries() of MemoryDirectory's shape.
class MemoryDirectoryFile final : public File {
 public:
  MemoryDirectoryFile(Ref<MemoryDirectory> node, int flags) : File(flags), node_(std::move(node)) {}

  Result<std::size_t> read(IoBuffer&, i64) override { return err(EISDIR); }
  Result<u64> seek(i64 offset, int whence) override;
  Result<> read_directory(DirSink& sink) override;
  Result<> sync(bool) override { return {}; }
  Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }

 private:
  Ref<MemoryDirectory> node_;
};

}  // namespace quire::vfs
