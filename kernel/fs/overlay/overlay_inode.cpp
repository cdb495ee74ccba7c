#include "kernel/fs/overlay/overlay_inode.h"

#include <fcntl.h>
#include <linux/fs.h>

#include "kernel/fs/overlay/overlay_file.h"
#include "kernel/vfs/memory_inode.h"

namespace quire::fs::overlay {

OverlayInode::OverlayInode(Overlay& fs, u32 type, Identity identity, Ref<vfs::Inode> lower,
                           Ref<vfs::Inode> upper, u32 links)
    : Inode(fs, type), identity_(identity), lower_(std::move(lower)), links_(static_cast<int>(links)) {
  LockGuard g(copying_);
  upper_ = std::move(upper);
  upper_ready_.store(upper_.get(), std::memory_order_release);
}

OverlayInode::~OverlayInode() NO_THREAD_SAFETY_ANALYSIS {
  if (lower_) overlay().forget(*this);
  // Trees made here, without recursion: they can be deeper than our stack. No locks: it is ours alone.
  std::vector<Ref<OverlayInode>> dying;
  auto empty_into = [&](OverlayInode& d) NO_THREAD_SAFETY_ANALYSIS {
    for (auto& [name, child] : d.names_)
      if (child) dying.push_back(std::move(child));
    d.names_.clear();
  };
  empty_into(*this);
  while (!dying.empty()) {
    Ref<OverlayInode> last = std::move(dying.back());
    dying.pop_back();
    if (last->ref_count() == 1) empty_into(*last);
  }
}

u32 OverlayInode::link_count(u32 lower_links) const {
  if (is_directory() && lower_links == 1) return 1;  // a file system that does not count
  int n = links_.load(std::memory_order_relaxed);
  if (lower_) n += static_cast<int>(lower_links);
  return n > 0 ? static_cast<u32>(n) : 0;
}

Result<vfs::Attributes> OverlayInode::attributes() {
  vfs::Inode* side = now();
  vfs::Attributes a = TRY(side->attributes());
  u32 lower_links = 0;
  if (lower_) {
    if (side == lower_.get())
      lower_links = a.nlink;
    else if (auto l = lower_->attributes())
      lower_links = l->nlink;
  }
  a.nlink = link_count(lower_links);
  a.device = identity_.device;
  a.inode = identity_.inode;
  return a;
}

Result<> OverlayInode::set_attributes(const vfs::AttributeChange& change) {
  vfs::Inode* upper = TRY(copy_up(!change.size || *change.size != 0));
  return upper->set_attributes(change);
}

Result<> OverlayInode::set_xattr(const std::string& name, std::string_view value, int flags) {
  vfs::Inode* upper = TRY(copy_up());
  return upper->set_xattr(name, value, flags);
}

Result<> OverlayInode::remove_xattr(const std::string& name) {
  vfs::Inode* upper = TRY(copy_up());
  return upper->remove_xattr(name);
}

void OverlayInode::change_links(int by) {
  int n = links_.fetch_add(by, std::memory_order_acq_rel) + by;
  // Kept for the sake of its names; the last one has gone.
  if (!kept_.load() || is_directory()) return;
  int below = 0;
  if (lower_)
    if (auto a = lower_->attributes()) below = static_cast<int>(a->nlink);
  if (n + below <= 0) overlay().let_go(*this);
}

Result<Ref<vfs::File>> OverlayInode::open(int flags) {
  Ref<OverlayInode> self(this);
  switch (type()) {
    case S_IFREG: {
      bool writes = (flags & O_ACCMODE) != O_RDONLY;
      vfs::Inode* side = writes ? TRY(copy_up()) : now();
      Ref<vfs::File> opened = TRY(side->open(flags));
      return Ref<vfs::File>(make_ref<OverlayFile>(self, std::move(opened), side != lower_.get(), flags));
    }
    case S_IFDIR: {
      Ref<vfs::File> below;
      if (lower_) below = TRY(lower_->open(O_RDONLY | O_DIRECTORY));
      return Ref<vfs::File>(make_ref<OverlayDirectoryFile>(self, std::move(below), flags));
    }
    case S_IFIFO:
      // One that guests made is theirs; one from below leads out of the sandbox.
      return lower_ ? lower_->open(flags) : vfs::open_fifo(*this, flags);
    case S_IFCHR:
    case S_IFBLK: {
      if (lower_) return lower_->open(flags);
      vfs::Attributes a = TRY(attributes());
      return vfs::open_device(*this, a.rdev, flags);
    }
    default:
      return err(ENXIO);
  }
}

}  // namespace quire::fs::overlay
