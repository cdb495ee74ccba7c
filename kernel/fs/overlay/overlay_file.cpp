#include "kernel/fs/overlay/overlay_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "kernel/vfs/memory_inode.h"

namespace quire::fs::overlay {

OverlayFile::OverlayFile(Ref<OverlayInode> node, Ref<vfs::File> opened, bool is_upper, int flags)
    : File(flags), node_(std::move(node)), lower_(is_upper ? nullptr : opened) {
  if (is_upper) upper_.store(opened.release(), std::memory_order_release);
}

OverlayFile::~OverlayFile() { Ref<vfs::File>::adopt(upper_.load()); }

Result<vfs::File*> OverlayFile::current() {
  vfs::File* upper = upper_.load(std::memory_order_acquire);
  if (upper == nullptr) {
    if (!node_->has_upper()) return lower_.get();
    Ref<vfs::File> opened = TRY(node_->now()->open(flags()));
    if (upper_.compare_exchange_strong(upper, opened.get(), std::memory_order_acq_rel))
      upper = opened.release();
  }
  if (upper->flags() != flags()) upper->set_flags(flags());  // F_SETFL: O_APPEND
  return upper;
}

Result<std::size_t> OverlayFile::read(vfs::IoBuffer& to, i64 offset) {
  vfs::File* file = TRY(current());
  if (offset >= 0) return file->read(to, offset);
  LockGuard g(position_lock_);
  std::size_t n = TRY(file->read(to, static_cast<i64>(position_)));
  position_ += n;
  return n;
}

Result<std::size_t> OverlayFile::write(vfs::IoBuffer& from, i64 offset) {
  vfs::File* file = TRY(current());
  if (offset >= 0) return file->write(from, offset);
  LockGuard g(position_lock_);
  if ((flags() & O_APPEND) != 0) {
    std::size_t n = TRY(file->write(from, -1));
    position_ = file->position();
    return n;
  }
  std::size_t n = TRY(file->write(from, static_cast<i64>(position_)));
  position_ += n;
  return n;
}

Result<u64> OverlayFile::seek(i64 offset, int whence) {
  if (whence == SEEK_SET || whence == SEEK_CUR) {
    LockGuard g(position_lock_);
    return vfs::move_position(position_, offset, whence, 0);
  }
  vfs::File* file = TRY(current());
  LockGuard g(position_lock_);
  position_ = TRY(file->seek(offset, whence));
  return position_;
}

Result<vfs::Mappable> OverlayFile::map(u64 offset, u64 length, Access access, bool shared) {
  vfs::File* file = TRY(current());
  return file->map(offset, length, access, shared);
}

Result<> OverlayFile::allocate(int mode, u64 offset, u64 length) {
  vfs::File* file = TRY(current());
  return file->allocate(mode, offset, length);
}

Result<vfs::Attributes> OverlayFile::attributes() {
  if (!node_->has_upper() && lower_) {
    // By the open file: it may have lost its name below.
    vfs::Attributes a = TRY(lower_->attributes());
    vfs::Attributes shown = TRY(node_->attributes());
    a.nlink = shown.nlink;
    a.device = shown.device;
    a.inode = shown.inode;
    return a;
  }
  return node_->attributes();
}

Result<u64> OverlayFile::control(int command, u64 argument) {
  vfs::File* file = TRY(current());
  return file->control(command, argument);
}

int OverlayFile::host_fd() const {
  if (upper_.load(std::memory_order_acquire) != nullptr || node_->has_upper()) return -1;
  return lower_->host_fd();
}

}  // namespace quire::fs::overlay
