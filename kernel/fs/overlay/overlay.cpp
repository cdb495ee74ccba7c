#include "kernel/fs/overlay/overlay.h"

#include "kernel/fs/overlay/overlay_inode.h"

namespace quire::fs::overlay {
namespace {
/// Inode numbers of what is made here lie above those that disks hand out.
constexpr u64 own_numbers = u64{1} << 48;
}  // namespace

Overlay::Overlay(Ref<vfs::FileSystem> lower, Ref<vfs::FileSystem> upper)
    : lower_(std::move(lower)), upper_(std::move(upper)) {
  set_device(lower_->device());
}
Overlay::~Overlay() = default;

Result<Ref<Overlay>> Overlay::create(Ref<vfs::FileSystem> lower, Ref<vfs::FileSystem> upper) {
  return Ref<Overlay>::adopt(new Overlay(std::move(lower), std::move(upper)));
}

Result<Ref<vfs::Inode>> Overlay::root() { return Ref<vfs::Inode>(TRY(inode_for(TRY(lower_->root())))); }

Result<struct statfs> Overlay::statfs() {
  // The size is the lower side's, what is free is what can be written: the upper's.
  struct statfs s = TRY(lower_->statfs());
  if (auto u = upper_->statfs(); u && s.f_bsize != 0) {
    auto free = static_cast<u64>(u->f_bavail) * static_cast<u64>(u->f_bsize) / static_cast<u64>(s.f_bsize);
    s.f_bfree = s.f_bavail = std::min<u64>(s.f_blocks, free);
  }
  return s;
}

Result<Ref<vfs::Inode>> Overlay::make_orphan(const vfs::NewNode& node) {
  return Ref<vfs::Inode>(TRY(make_upper(node, device())));
}

Result<Ref<OverlayInode>> Overlay::make_upper(const vfs::NewNode& node, u64 device) {
  Ref<vfs::Inode> upper = TRY(upper_->make_orphan(node));
  Identity id{device, own_numbers + TRY(upper->attributes()).inode};
  u32 type = node.mode & S_IFMT;
  return make_ref<OverlayInode>(*this, type, id, nullptr, std::move(upper), type == S_IFDIR ? 2 : 0);
}

Result<Ref<OverlayInode>> Overlay::inode_for(Ref<vfs::Inode> lower) {
  const vfs::Inode* key = lower.get();
  auto living = [&]() REQUIRES(lock_) -> Ref<OverlayInode> {
    auto it = by_lower_.find(key);
    if (it == by_lower_.end() || !it->second->try_ref()) return nullptr;
    return Ref<OverlayInode>::adopt(it->second);
  };
  {
    LockGuard g(lock_);
    if (auto have = living()) return have;
  }
  vfs::Attributes a = TRY(lower->attributes());
  auto fresh =
      make_ref<OverlayInode>(*this, lower->type(), Identity{a.device, a.inode}, std::move(lower), nullptr, 0);
  Ref<OverlayInode> have;
  {
    LockGuard g(lock_);
    have = living();
    if (!have) by_lower_[key] = fresh.get();
  }
  return have ? have : fresh;
}

void Overlay::forget(OverlayInode& inode) {
  LockGuard g(lock_);
  auto it = by_lower_.find(inode.lower().get());
  if (it != by_lower_.end() && it->second == &inode) by_lower_.erase(it);
}

void Overlay::keep(OverlayInode& inode) {
  LockGuard g(lock_);
  kept_.insert(Ref<OverlayInode>(&inode));
}

void Overlay::let_go(OverlayInode& inode) {
  Ref<OverlayInode> held(&inode);  // dropped after the lock
  LockGuard g(lock_);
  kept_.erase(held);
}

}  // namespace quire::fs::overlay
