#include "kernel/fs/host/host_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include "kernel/fs/host/host_inode.h"

namespace quire::fs::host {

HostPages::~HostPages() {
  ::close(fd_);
  int w = write_fd_.load();
  if (w >= 0) ::close(w);
}

Result<std::size_t> HostPages::read(u64 offset, std::span<std::byte> to) {
  // A file page's memory is new, and is had cheaper in one go than by a fault each.
  constexpr std::size_t many = 8 * page_size;
  if (to.size() >= many && reinterpret_cast<u64>(to.data()) % page_size == 0)
    ::madvise(to.data(), to.size() / page_size * page_size, MADV_POPULATE_WRITE);
  std::size_t done = 0;
  while (done < to.size()) {
    ssize_t n = ::pread(fd_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return done != 0 ? Result<std::size_t>(done) : err(Errno::last());
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<std::size_t> HostPages::write(u64 offset, std::span<const std::byte> from) {
  int fd = write_fd_.load(std::memory_order_acquire);
  if (fd < 0) return err(EROFS);
  for (;;) {
    ssize_t n = ::pwrite(fd, from.data(), from.size(), static_cast<off_t>(offset));
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return err(Errno::last());
  }
}

void HostPages::set_writable(int fd) {
  int none = -1;
  if (!write_fd_.compare_exchange_strong(none, fd, std::memory_order_acq_rel)) ::close(fd);
}

namespace {
bool same_contents(const vfs::Attributes& a, const vfs::Attributes& b) {
  auto equal = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return a.size == b.size && equal(a.mtime, b.mtime) && equal(a.ctime, b.ctime);
}

/// Names contents for patched text: device, inode, change time and size, mixed; never zero.
u64 patch_key(const vfs::Attributes& a) {
  u64 h = 0xcbf29ce484222325u;
  for (u64 v : {a.device, a.inode, static_cast<u64>(a.ctime.tv_sec), static_cast<u64>(a.ctime.tv_nsec),
                static_cast<u64>(a.mtime.tv_sec), a.size}) {
    h ^= v;
    h *= 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
  }
  return h | 1;
}
}  // namespace

Result<Ref<mm::MemoryObject>> HostInode::pages(int fd, bool for_writing) {
  vfs::Attributes current = TRY(stat_at(fd, ""));
  refresh(current);
  Ref<mm::MemoryObject> object;
  Ref<mm::MemoryObject> old;  // dropped after the lock
  {
    LockGuard g(lock_);
    if (object_ && !mapped_for_writing_.load() && !same_contents(current, object_of_)) {
      old = std::move(object_);
      source_ = nullptr;
    }
    if (!object_) {
      int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
      if (own < 0) return err(Errno::last());
      auto source = std::make_unique<HostPages>(own);
      HostPages* raw = source.get();
      // Files that the guest can write are never patched: the key would name changing contents.
      u64 key = host_fs().writable() ? 0 : patch_key(current);
      object_ =
          TRY(mm::MemoryObject::create_backed(host_fs().manager(), std::move(source), current.size, key));
      source_ = raw;
      object_of_ = current;
    }
    if (for_writing && !source_->writable()) {
      int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
      if (own < 0) return err(Errno::last());
      source_->set_writable(own);
    }
    if (for_writing) mapped_for_writing_.store(true);
    object = object_;
  }
  host_fs().keep_object(*this);
  return object;
}

void HostInode::before_read() {
  if (mapped_for_writing_.load(std::memory_order_acquire)) (void)write_back();
}

void HostInode::after_write() {
  make_stale();
  if (!host_fs().writable()) return;
  Ref<mm::MemoryObject> object;
  {
    SharedLockGuard g(lock_);
    object = object_;
  }
  if (!object) return;
  // What mappings show is read again from the file.
  object->invalidate();
  if (auto now = attributes(); now && now->size != object->size()) (void)object->resize(now->size);
}

Result<> HostInode::write_back() {
  Ref<mm::MemoryObject> object;
  {
    SharedLockGuard g(lock_);
    object = object_;
  }
  return object && mapped_for_writing_.load() ? object->write_back() : Result<>{};
}

void HostInode::drop_pages() {
  (void)write_back();
  Ref<mm::MemoryObject> old;
  LockGuard g(lock_);
  if (mapped_for_writing_.load()) return;  // mappings may write on
  old = std::move(object_);
  source_ = nullptr;
}

}  // namespace quire::fs::host
