// Directories: the lower names, less those that were removed, and those that were added.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <unistd.h>

#include "kernel/fs/overlay/overlay_file.h"
#include "kernel/vfs/memory_inode.h"

namespace quire::fs::overlay {

Result<Ref<vfs::Inode>> OverlayInode::lookup(std::string_view name) {
  if (!is_directory()) return err(ENOTDIR);
  {
    SharedLockGuard g(lock_);
    auto it = names_.find(name);
    if (it != names_.end()) return it->second ? Result<Ref<vfs::Inode>>(it->second) : err(ENOENT);
  }
  if (!lower_) return err(ENOENT);
  return Ref<vfs::Inode>(TRY(overlay().inode_for(TRY(lower_->lookup(name)))));
}

bool OverlayInode::still_valid(std::string_view name, vfs::Inode* cached, bool last) {
  auto* inode = static_cast<OverlayInode*>(cached);
  {
    SharedLockGuard g(lock_);
    auto it = names_.find(name);
    if (it != names_.end()) return it->second.get() == inode;
  }
  if (!lower_) return inode == nullptr;
  if (inode != nullptr && !inode->lower_) return false;
  if (inode != nullptr && inode->has_upper()) return true;
  return lower_->still_valid(name, inode != nullptr ? inode->lower_.get() : nullptr, last);
}

Result<bool> OverlayInode::lower_has(std::string_view name) {
  if (!lower_) return false;
  auto found = lower_->lookup(name);
  if (!found && found.error().value() != ENOENT) return err(found.error());
  return found.has_value();
}

/// The name is no longer to show: a whiteout if there is something below.
Result<> OverlayInode::remove_name(std::string_view name) {
  bool below = TRY(lower_has(name));
  Ref<OverlayInode> gone;
  LockGuard g(lock_);
  auto it = names_.find(name);
  if (it != names_.end()) {
    gone = std::move(it->second);
    if (!below) names_.erase(it);
  } else if (below) {
    names_.emplace(name, nullptr);
  }
  return {};
}

/// Stamps the directory after a change of its names.
Result<> OverlayInode::modified() {
  vfs::Inode* upper = TRY(copy_up());
  return upper->set_attributes({.mtime = vfs::now()});
}

Result<Ref<vfs::Inode>> OverlayInode::create(std::string_view name, const vfs::NewNode& node) {
  if (!is_directory()) return err(ENOTDIR);
  TRY_VOID(modified());
  Ref<OverlayInode> child = TRY(overlay().make_upper(node, identity_.device));
  if (child->is_directory())
    change_links(1);
  else
    child->change_links(1);
  LockGuard g(lock_);
  names_.insert_or_assign(std::string(name), child);
  return Ref<vfs::Inode>(child);
}

Result<> OverlayInode::link(std::string_view name, vfs::Inode& target) {
  auto& inode = static_cast<OverlayInode&>(target);
  TRY_VOID(modified());
  if (inode.has_upper()) TRY_VOID(inode.now()->set_attributes({}));  // its ctime
  inode.change_links(1);
  LockGuard g(lock_);
  names_.insert_or_assign(std::string(name), Ref<OverlayInode>(&inode));
  return {};
}

Result<> OverlayInode::unlink(std::string_view name, vfs::Inode& victim) {
  TRY_VOID(modified());
  TRY_VOID(remove_name(name));
  auto& inode = static_cast<OverlayInode&>(victim);
  inode.change_links(-1);
  if (inode.has_upper()) (void)inode.now()->set_attributes({});
  return {};
}

Result<bool> OverlayInode::is_empty() { return TRY(names()).empty(); }

Result<> OverlayInode::rmdir(std::string_view name, vfs::Inode& victim) {
  auto& inode = static_cast<OverlayInode&>(victim);
  if (!TRY(inode.is_empty())) return err(ENOTEMPTY);
  TRY_VOID(modified());
  TRY_VOID(remove_name(name));
  change_links(-1);
  inode.change_links(-2);
  if (inode.kept_.load()) overlay().let_go(inode);
  return {};
}

Result<> OverlayInode::rename(std::string_view name, vfs::Inode& moved_inode, vfs::Inode& new_dir_inode,
                              std::string_view new_name, vfs::Inode* replaced, u32 flags) {
  auto& moved = static_cast<OverlayInode&>(moved_inode);
  auto& new_dir = static_cast<OverlayInode&>(new_dir_inode);
  auto* old = static_cast<OverlayInode*>(replaced);
  bool exchange = (flags & RENAME_EXCHANGE) != 0;
  if (old != nullptr && !exchange && old->is_directory() && !TRY(old->is_empty())) return err(ENOTEMPTY);
  TRY_VOID(modified());
  TRY_VOID(new_dir.modified());
  Ref<OverlayInode> held(&moved);
  if (exchange) {
    Ref<OverlayInode> other(old);
    {
      LockGuard g(lock_);
      names_.insert_or_assign(std::string(name), other);
    }
    LockGuard g(new_dir.lock_);
    new_dir.names_.insert_or_assign(std::string(new_name), held);
  } else {
    TRY_VOID(remove_name(name));
    LockGuard g(new_dir.lock_);
    new_dir.names_.insert_or_assign(std::string(new_name), held);
  }
  if (moved.is_directory()) change_links(-1), new_dir.change_links(1);
  if (old != nullptr && old->is_directory()) new_dir.change_links(-1);
  if (old != nullptr && exchange && old->is_directory()) change_links(1);
  if (old != nullptr && !exchange) {
    old->change_links(old->is_directory() ? -2 : -1);
    if (old->is_directory() && old->kept_.load()) overlay().let_go(*old);
    if (old->has_upper()) (void)old->now()->set_attributes({});
  }
  return {};
}

bool OverlayInode::changed_names() const {
  SharedLockGuard g(lock_);
  return !names_.empty();
}

namespace {
class Collector final : public vfs::DirSink {
 public:
  explicit Collector(std::vector<OverlayInode::Name>& out) : out_(out) {}
  bool add(const std::string& name, u64 inode, u8 type, u64) override {
    if (name != "." && name != "..") out_.push_back({name, static_cast<u32>(type) << 12, inode});
    return true;
  }

 private:
  std::vector<OverlayInode::Name>& out_;
};
}  // namespace

Result<std::vector<OverlayInode::Name>> OverlayInode::names() {
  std::vector<Name> out;
  if (lower_) {
    Ref<vfs::File> below = TRY(lower_->open(O_RDONLY | O_DIRECTORY));
    Collector collect(out);
    TRY_VOID(below->read_directory(collect));
  }
  SharedLockGuard g(lock_);
  std::erase_if(out, [&](const Name& n) REQUIRES_SHARED(lock_) { return names_.contains(n.name); });
  for (auto& [name, child] : names_)
    if (child) out.push_back({name, child->type(), child->identity().inode});
  return out;
}

Result<u64> OverlayDirectoryFile::seek(i64 offset, int whence) {
  LockGuard g(position_lock_);
  u64 at = TRY(vfs::move_position(position_, offset, whence, 0));
  if (!merged_ && lower_ && position_ != 0) (void)lower_->seek(static_cast<i64>(at), SEEK_SET);
  return at;
}

namespace {
/// Passes entries on and notes how far it came.
class Tracker final : public vfs::DirSink {
 public:
  Tracker(vfs::DirSink& to, u64& position) : to_(to), position_(position) {}
  bool add(const std::string& name, u64 inode, u8 type, u64 next) override {
    if (!to_.add(name, inode, type, next)) return false;
    position_ = next;
    return true;
  }

 private:
  vfs::DirSink& to_;
  u64& position_;
};
}  // namespace

Result<> OverlayDirectoryFile::read_directory(vfs::DirSink& sink) {
  LockGuard g(position_lock_);
  if (position_ == 0) {
    merged_ = !lower_ || node_->changed_names();
    if (!merged_) {
      TRY_VOID(lower_->seek(0, SEEK_SET));
    } else {
      u64 own = node_->identity().inode, above = own;
      if (Ref<vfs::Dentry> p = path() ? path().dentry->parent() : nullptr)
        if (auto a = p->inode()->attributes()) above = a->inode;
      list_ = TRY(node_->names());
      list_.insert(list_.begin(), {{".", S_IFDIR, own}, {"..", S_IFDIR, above}});
    }
  }
  if (!merged_) {
    Tracker t(sink, position_);
    return lower_->read_directory(t);
  }
  for (; position_ < list_.size(); ++position_) {
    auto& e = list_[position_];
    if (!sink.add(e.name, e.inode, static_cast<u8>(e.type >> 12), position_ + 1)) break;
  }
  return {};
}

}  // namespace quire::fs::overlay
