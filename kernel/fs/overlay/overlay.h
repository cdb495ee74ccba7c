// A private, writable view of a file system that is never written: changes live in memory.
//
// Unlike Linux's overlayfs there is no second directory tree on the upper side. Each overlay directory
// keeps the names that differ from the lower one: what was made, moved or linked here, and whiteouts. An
// inode remembers the lower inode it shows wherever it is moved, so renames, also of directories, and
// hard links copy nothing; contents and attributes are copied into a nameless inode of the upper file
// system at the first change ("copy-up"). Device and inode numbers stay those of the lower file.
#pragma once

#include <unordered_map>
#include <unordered_set>

#include "kernel/vfs/inode.h"

namespace quire::fs::overlay {

class OverlayInode;

class Overlay final : public vfs::FileSystem {
 public:
  /// `upper` makes the copies (make_orphan).
  static Result<Ref<Overlay>> create(Ref<vfs::FileSystem> lower, Ref<vfs::FileSystem> upper);
  ~Overlay() override;

  const char* type_name() const override { return "overlay"; }
  Result<Ref<vfs::Inode>> root() override;
  Result<struct statfs> statfs() override;
  bool revalidates() const override { return lower_->revalidates(); }
  Result<Ref<vfs::Inode>> make_orphan(const vfs::NewNode& node) override;

  vfs::FileSystem& upper() const { return *upper_; }
  /// The inode that shows `lower`: the living one, or a new one.
  Result<Ref<OverlayInode>> inode_for(Ref<vfs::Inode> lower);
  /// A new inode with no lower side, showing itself as on `device`.
  Result<Ref<OverlayInode>> make_upper(const vfs::NewNode& node, u64 device);
  void forget(OverlayInode& inode);
  /// Changed inodes live on while no name is cached; until the last name is removed.
  void keep(OverlayInode& inode);
  void let_go(OverlayInode& inode);

 private:
  Overlay(Ref<vfs::FileSystem> lower, Ref<vfs::FileSystem> upper);

  const Ref<vfs::FileSystem> lower_, upper_;
  Mutex<locks::overlay_table> lock_;
  std::unordered_map<const vfs::Inode*, OverlayInode*> by_lower_ GUARDED_BY(lock_);
  std::unordered_set<Ref<OverlayInode>> kept_ GUARDED_BY(lock_);
};

}  // namespace quire::fs::overlay
