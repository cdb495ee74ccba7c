#include <dirent.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cstring>

#include "kernel/fs/host/host_file.h"

namespace quire::fs::host {
namespace {
constexpr std::size_t buffer_size = 32 * 1024;
}

Result<u64> HostDirectoryFile::seek(i64 offset, int whence) {
  LockGuard g(position_lock_);
  if (whence == SEEK_CUR && offset == 0) return position_;
  off_t at = ::lseek(fd_->get(), offset, whence);
  if (at < 0) return err(Errno::last());
  next_ = end_ = 0;
  position_ = static_cast<u64>(at);
  return position_;
}

Result<> HostDirectoryFile::read_directory(vfs::DirSink& sink) {
  LockGuard g(position_lock_);
  if (buffer_.empty()) buffer_.resize(buffer_size);
  for (;;) {
    if (next_ == end_) {
      ssize_t n = ::getdents64(fd_->get(), buffer_.data(), buffer_.size());
      if (n < 0) return err(Errno::last());
      if (n == 0) return {};
      next_ = 0;
      end_ = static_cast<std::size_t>(n);
    }
    // The entry may be unaligned for the struct once a name of odd length came before: copy the head.
    dirent64 head;
    std::memcpy(&head, &buffer_[next_], offsetof(dirent64, d_name));
    std::string name(reinterpret_cast<const char*>(&buffer_[next_ + offsetof(dirent64, d_name)]));
    if (!sink.add(name, head.d_ino, head.d_type, static_cast<u64>(head.d_off))) return {};
    position_ = static_cast<u64>(head.d_off);
    next_ += head.d_reclen;
  }
}

Result<> HostDirectoryFile::sync(bool) {
  if (node_->host_fs().writable()) (void)::fsync(fd_->get());
  return {};
}

Result<vfs::Attributes> HostDirectoryFile::attributes() {
  vfs::Attributes a = TRY(stat_at(fd_->get(), ""));
  node_->refresh(a);
  return a;
}

Result<struct statfs> HostDirectoryFile::statfs() {
  struct statfs s{};
  if (::fstatfs(fd_->get(), &s) != 0) return err(Errno::last());
  return s;
}

}  // namespace quire::fs::host
