// Inodes and open files of a JFFS2 image.
#pragma once

#include "kernel/fs/jffs2/jffs2_fs.h"
#include "kernel/vfs/file.h"

namespace quire::fs::jffs2 {

class JffsInode final : public vfs::Inode {
 public:
  /// Keeps the inode open in the library: it lives on without a name.
  JffsInode(Jffs2& fs, lib::Ino number, u32 type);
  ~JffsInode() override;

  Result<vfs::Attributes> attributes() override;
  Result<> set_attributes(const vfs::AttributeChange& change) override;
  Result<Ref<vfs::Inode>> lookup(std::string_view name) override;
  Result<Ref<vfs::Inode>> create(std::string_view name, const vfs::NewNode& node) override;
  Result<> link(std::string_view name, vfs::Inode& target) override;
  Result<> unlink(std::string_view name, vfs::Inode& victim) override;
  Result<> rmdir(std::string_view name, vfs::Inode& victim) override;
  Result<> rename(std::string_view name, vfs::Inode& moved, vfs::Inode& new_dir, std::string_view new_name,
                  vfs::Inode* replaced, u32 flags) override;
  Result<Ref<vfs::File>> open(int flags) override;
  Result<std::string> read_link() override;
  Result<std::string> get_xattr(const std::string& name) override;
  Result<> set_xattr(const std::string& name, std::string_view value, int flags) override;
  Result<> remove_xattr(const std::string& name) override;
  Result<std::vector<std::string>> list_xattrs() override;

  Jffs2& jffs() const { return static_cast<Jffs2&>(file_system()); }
  lib::FileSystem& library() const { return jffs().library(); }
  lib::Ino number() const { return number_; }
  /// The cached pages, for mappings.
  Result<Ref<mm::MemoryObject>> pages();
  /// After a write by call: mappings read anew.
  void contents_changed();

 private:
  const lib::Ino number_;
  Mutex<locks::inode> lock_;
  Ref<mm::MemoryObject> object_ GUARDED_BY(lock_);
};

class JffsFile final : public vfs::File {
 public:
  JffsFile(Ref<JffsInode> node, int flags) : File(flags), node_(std::move(node)) {}
  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override;
  Result<u64> seek(i64 offset, int whence) override;
  Result<vfs::Mappable> map(u64 offset, u64 length, Access access, bool shared) override;
  Result<> sync(bool data_only) override;
  vfs::Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }

 private:
  Result<std::size_t> read_at(vfs::IoBuffer& to, u64 offset);
  Result<std::size_t> write_at(vfs::IoBuffer& from, u64 offset);
  const Ref<JffsInode> node_;
};

class JffsDirectoryFile final : public vfs::File {
 public:
  JffsDirectoryFile(Ref<JffsInode> node, int flags) : File(flags), node_(std::move(node)) {}
  Result<std::size_t> read(vfs::IoBuffer&, i64) override { return err(EISDIR); }
  Result<u64> seek(i64 offset, int whence) override;
  Result<> read_directory(vfs::DirSink& sink) override;
  Result<> sync(bool) override { return node_->library().fsync(node_->number()); }
  vfs::Inode* inode() override { return node_.get(); }
  std::string describe() override { return path_description(); }

 private:
  const Ref<JffsInode> node_;
};

}  // namespace quire::fs::jffs2
