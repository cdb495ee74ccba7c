// Copy-up: the upper side of an inode comes into being.
#include <fcntl.h>
#include <algorithm>

#include "kernel/fs/overlay/overlay_inode.h"

namespace quire::fs::overlay {
namespace {

constexpr std::size_t chunk = 256 * 1024;

/// Copies what is not zero: holes stay holes.
Result<> copy_data(vfs::Inode& from, vfs::Inode& to, u64 size) {
  Ref<vfs::File> in = TRY(from.open(O_RDONLY));
  Ref<vfs::File> out = TRY(to.open(O_WRONLY));
  TRY_VOID(to.set_attributes({.size = size}));
  std::vector<std::byte> buffer(std::min<u64>(size, chunk));
  u64 at = 0;
  while (at < size) {
    vfs::IoBuffer to_memory{std::span<std::byte>(buffer).first(std::min<u64>(buffer.size(), size - at))};
    std::size_t n = TRY(in->read(to_memory, static_cast<i64>(at)));
    if (n == 0) break;
    std::span<const std::byte> rest(buffer.data(), n);
    if (std::ranges::all_of(rest, [](std::byte v) { return v == std::byte{0}; })) {
      at += n;
      continue;
    }
    while (!rest.empty()) {
      vfs::IoBuffer from_memory{rest};
      std::size_t put = TRY(out->write(from_memory, static_cast<i64>(at)));
      if (put == 0) return err(ENOSPC);
      rest = rest.subspan(put);
      at += put;
    }
  }
  return {};
}

}  // namespace

Result<vfs::Inode*> OverlayInode::copy_up(bool with_data) {
  if (vfs::Inode* have = upper_ready_.load(std::memory_order_acquire)) return have;
  LockGuard g(copying_);
  if (upper_) return upper_.get();
  vfs::Attributes a = TRY(lower_->attributes());
  vfs::NewNode node{.mode = a.mode, .uid = a.uid, .gid = a.gid, .rdev = a.rdev, .target = {}};
  if (is_symlink()) node.target = TRY(lower_->read_link());
  Ref<vfs::Inode> copy = TRY(overlay().upper().make_orphan(node));
  if (is_regular() && with_data && a.size != 0) TRY_VOID(copy_data(*lower_, *copy, a.size));
  if (auto names = lower_->list_xattrs())
    for (const std::string& n : *names)
      if (auto value = lower_->get_xattr(n)) (void)copy->set_xattr(n, *value, 0);
  TRY_VOID(copy->set_attributes({.atime = a.atime, .mtime = a.mtime}));
  upper_ = std::move(copy);
  upper_ready_.store(upper_.get(), std::memory_order_release);
  kept_.store(true);
  overlay().keep(*this);
  return upper_.get();
}

}  // namespace quire::fs::overlay
