// Made-up files: directories that are computed, text that is generated when it is read. /proc, /sys and
// /dev/pts are built of these.
#pragma once

#include <functional>
#include <map>

#include "kernel/vfs/file.h"

namespace quire::vfs {

class PseudoFileSystem final : public FileSystem {
 public:
  /// `cached`: names, once looked up, stay.
  PseudoFileSystem(const char* type, u32 magic, bool cached) : type_(type), magic_(magic), cached_(cached) {}
  const char* type_name() const override { return type_; }
  bool caches_names() const override { return cached_; }
  Result<Ref<Inode>> root() override { return root_; }
  Result<struct statfs> statfs() override;
  void set_root(Ref<Inode> root) { root_ = std::move(root); }
  u64 next_inode() { return next_.fetch_add(1, std::memory_order_relaxed); }

 private:
  const char* const type_;
  const u32 magic_;
  const bool cached_;
  Ref<Inode> root_;
  std::atomic<u64> next_{1};
};

/// Base of made-up nodes: fixed attributes.
class PseudoInode : public Inode {
 public:
  PseudoInode(PseudoFileSystem& fs, u32 mode, u64 inode = 0);
  Result<Attributes> attributes() override;
  Result<Owner> owner() override { return Owner{mode_, uid_, gid_}; }
  /// Only times and the like, which are forgotten: EPERM for the rest.
  Result<> set_attributes(const AttributeChange& change) override;
  Result<Ref<File>> open(int) override { return err(ENXIO); }
  PseudoFileSystem& pseudo_fs() const { return static_cast<PseudoFileSystem&>(file_system()); }
  void set_owner(u32 uid, u32 gid) { uid_ = uid, gid_ = gid; }

 protected:
  virtual u64 size() { return 0; }
  virtual u32 links() { return is_directory() ? 2 : 1; }
  u32 mode_;
  u32 uid_ = 0, gid_ = 0;
  u64 number_;
};

struct PseudoEntry {
  std::string name;
  u32 type;   // S_IFMT bits
  u64 inode;  // 0: some number
};

class PseudoDirectory : public PseudoInode {
 public:
  explicit PseudoDirectory(PseudoFileSystem& fs, u32 permissions = 0555, u64 inode = 0)
      : PseudoInode(fs, S_IFDIR | permissions, inode) {}
  /// The names to list, "." and ".." left out.
  virtual std::vector<PseudoEntry> list() = 0;
  Result<Ref<File>> open(int flags) override;
};

/// A directory of fixed names.
class StaticDirectory : public PseudoDirectory {
 public:
  using PseudoDirectory::PseudoDirectory;
  void add(std::string name, Ref<Inode> node) { nodes_[std::move(name)] = std::move(node); }
  Result<Ref<Inode>> lookup(std::string_view name) override;
  std::vector<PseudoEntry> list() override;

 protected:
  u32 links() override;

 private:
  std::map<std::string, Ref<Inode>, std::less<>> nodes_;  // complete before it is shared
};

/// A file whose text is made when it is read from the start.
class TextFile final : public PseudoInode {
 public:
  using Generate = std::function<Result<std::string>()>;
  using Store = std::function<Result<>(std::string_view)>;
  TextFile(PseudoFileSystem& fs, Generate generate, u32 permissions = 0444, Store store = {}, u64 inode = 0)
      : PseudoInode(fs, S_IFREG | permissions, inode),
        generate_(std::move(generate)),
        store_(std::move(store)) {}
  Result<Ref<File>> open(int flags) override;
  Result<std::string> generate() { return generate_(); }
  Result<> store(std::string_view text) { return store_ ? store_(text) : Result<>(err(EIO)); }

 private:
  Generate generate_;
  Store store_;
};

/// A symbolic link with a computed target; or, with `magic`, one that leads to an object itself.
class PseudoLink final : public PseudoInode {
 public:
  using Target = std::function<Result<std::string>()>;
  using Magic = std::function<Result<MagicTarget>()>;
  PseudoLink(PseudoFileSystem& fs, Target target, Magic magic = {}, u32 permissions = 0777, u64 inode = 0)
      : PseudoInode(fs, S_IFLNK | permissions, inode), target_(std::move(target)), magic_(std::move(magic)) {}
  Result<std::string> read_link() override { return target_(); }
  Result<std::optional<MagicTarget>> follow_magic() override;

 private:
  Target target_;
  Magic magic_;
};

/// A file with behaviour of its own: `open` makes the description.
class CustomFile final : public PseudoInode {
 public:
  using Opener = std::function<Result<Ref<File>>(int flags)>;
  CustomFile(PseudoFileSystem& fs, u32 mode, Opener opener, u64 inode = 0)
      : PseudoInode(fs, mode, inode), opener_(std::move(opener)) {}
  Result<Ref<File>> open(int flags) override { return opener_(flags); }

 private:
  Opener opener_;
};

}  // namespace quire::vfs
