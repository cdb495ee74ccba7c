#include "kernel/fs/host/host_file.h"

#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>

#include "kernel/vfs/memory_inode.h"

namespace quire::fs::host {
namespace {

constexpr std::size_t bounce_size = 4096;  // shorter transfers are copied rather than pinned
constexpr std::size_t max_pinned = 64 * 1024;

std::size_t to_iovec(const mm::Pin& pin, std::array<iovec, 32>& out) {
  std::size_t n = 0;
  for (std::span<std::byte> piece : pin.pieces()) {
    if (n == out.size()) break;
    out[n++] = {piece.data(), piece.size()};
  }
  return n;
}

template <typename Call>
Result<std::size_t> retry(Call call) {
  for (;;) {
    ssize_t n = call();
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return err(Errno::last());
  }
}

}  // namespace

Result<std::size_t> HostFile::read_at(vfs::IoBuffer& to, u64 offset) {
  node_->before_read();
  std::size_t done = 0;
  while (to.remaining() != 0) {
    std::size_t want = 0, n = 0;
    auto off = static_cast<off_t>(offset + done);
    if (to.remaining() < bounce_size) {
      std::array<std::byte, bounce_size> bounce;
      want = to.remaining();
      auto got = retry([&] { return ::pread(fd_->get(), bounce.data(), want, off); });
      if (!got) return done != 0 ? Result<std::size_t>(done) : got;
      auto put = to.put(std::span(bounce).first(*got));
      if (!put) return done != 0 ? Result<std::size_t>(done) : put;
      n = *put;
    } else {
      auto pin = to.pin(max_pinned, Access::write);
      if (!pin) return done != 0 ? Result<std::size_t>(done) : err(pin.error());
      std::array<iovec, 32> pieces;
      std::size_t count = to_iovec(**pin, pieces);
      for (std::size_t i = 0; i < count; ++i) want += pieces[i].iov_len;
      auto got = retry([&] { return ::preadv(fd_->get(), pieces.data(), static_cast<int>(count), off); });
      pin->reset();
      if (!got) return done != 0 ? Result<std::size_t>(done) : got;
      to.advance(*got);
      n = *got;
    }
    done += n;
    if (n < want) break;
  }
  return done;
}

Result<std::size_t> HostFile::write_at(vfs::IoBuffer& from, u64 offset) {
  node_->before_read();
  std::size_t done = 0;
  Result<std::size_t> result = std::size_t{0};
  while (from.remaining() != 0) {
    auto off = static_cast<off_t>(offset + done);
    auto pin = from.pin(max_pinned, Access::read);
    if (!pin) {
      result = err(pin.error());
      break;
    }
    std::array<iovec, 32> pieces;
    std::size_t count = to_iovec(**pin, pieces), want = 0;
    for (std::size_t i = 0; i < count; ++i) want += pieces[i].iov_len;
    auto put = retry([&] { return ::pwritev(fd_->get(), pieces.data(), static_cast<int>(count), off); });
    pin->reset();
    if (!put) {
      result = put;
      break;
    }
    from.advance(*put);
    done += *put;
    if (*put < want) break;
  }
  node_->after_write();
  return done != 0 ? Result<std::size_t>(done) : result;
}

Result<std::size_t> HostFile::append(vfs::IoBuffer& from) {
  node_->before_read();
  std::size_t done = 0;
  Result<std::size_t> result = std::size_t{0};
  while (from.remaining() != 0) {
    auto pin = from.pin(max_pinned, Access::read);
    if (!pin) {
      result = err(pin.error());
      break;
    }
    std::array<iovec, 32> pieces;
    std::size_t count = to_iovec(**pin, pieces);
    auto put = retry([&] { return ::writev(fd_->get(), pieces.data(), static_cast<int>(count)); });
    pin->reset();
    if (!put) {
      result = put;
      break;
    }
    from.advance(*put);
    done += *put;
    if (*put == 0) break;
  }
  node_->after_write();
  return done != 0 ? Result<std::size_t>(done) : result;
}

Result<std::size_t> HostFile::read(vfs::IoBuffer& to, i64 offset) {
  if (offset >= 0) return read_at(to, static_cast<u64>(offset));
  LockGuard g(position_lock_);
  std::size_t n = TRY(read_at(to, position_));
  position_ += n;
  return n;
}

Result<std::size_t> HostFile::write(vfs::IoBuffer& from, i64 offset) {
  bool appending = (flags() & O_APPEND) != 0;
  if (offset >= 0) return appending ? append(from) : write_at(from, static_cast<u64>(offset));
  LockGuard g(position_lock_);
  if (!appending) {
    std::size_t n = TRY(write_at(from, position_));
    position_ += n;
    return n;
  }
  // F_SETFL may have turned O_APPEND on since the host opened the file.
  int host_flags = ::fcntl(fd_->get(), F_GETFL);
  if ((host_flags & O_APPEND) == 0) (void)::fcntl(fd_->get(), F_SETFL, host_flags | O_APPEND);
  std::size_t n = TRY(append(from));
  off_t at = ::lseek(fd_->get(), 0, SEEK_CUR);
  if (at >= 0) position_ = static_cast<u64>(at);
  return n;
}

Result<u64> HostFile::seek(i64 offset, int whence) {
  LockGuard g(position_lock_);
  if (whence == SEEK_SET || whence == SEEK_CUR) return vfs::move_position(position_, offset, whence, 0);
  off_t at = ::lseek(fd_->get(), offset, whence);  // SEEK_END, SEEK_DATA, SEEK_HOLE
  if (at < 0) return err(Errno::last());
  position_ = static_cast<u64>(at);
  return position_;
}

Result<vfs::Mappable> HostFile::map(u64 offset, u64, Access access, bool shared) {
  vfs::Mappable m;
  bool for_writing = shared && writable() && host_fs_writable() && allows(access, Access::write);
  m.object = TRY(node_->pages(fd_->get(), for_writing));
  m.offset = offset;
  m.max_private = Access::read | Access::write | Access::exec;
  m.max_shared = Access::read | Access::exec;
  // mprotect may not add what the source was not made ready for.
  if (for_writing) m.max_shared = m.max_shared | Access::write;
  return m;
}

bool HostFile::host_fs_writable() const { return node_->host_fs().writable(); }

Result<> HostFile::sync(bool data_only) {
  TRY_VOID(node_->write_back());
  if (!host_fs_writable()) return {};
  if ((data_only ? ::fdatasync(fd_->get()) : ::fsync(fd_->get())) != 0) return err(Errno::last());
  return {};
}

Result<> HostFile::truncate(u64 size) {
  if (!host_fs_writable()) return err(EROFS);
  if (::ftruncate(fd_->get(), static_cast<off_t>(size)) != 0) return err(Errno::last());
  node_->after_write();
  return {};
}

Result<> HostFile::allocate(int mode, u64 offset, u64 length) {
  if (!host_fs_writable()) return err(EROFS);
  if (::fallocate(fd_->get(), mode, static_cast<off_t>(offset), static_cast<off_t>(length)) != 0)
    return err(Errno::last());
  node_->after_write();
  return {};
}

Result<vfs::Attributes> HostFile::attributes() {
  vfs::Attributes a = TRY(stat_at(fd_->get(), ""));
  node_->refresh(a);
  return a;
}

Result<> HostFile::set_attributes(const vfs::AttributeChange& change) {
  if (!host_fs_writable()) return err(EROFS);
  node_->make_stale();
  return change_by_fd(fd_->get(), false, change, node_->type());
}

Result<struct statfs> HostFile::statfs() {
  struct statfs s{};
  if (::fstatfs(fd_->get(), &s) != 0) return err(Errno::last());
  return s;
}

}  // namespace quire::fs::host
