// Changing attributes, and extended attributes.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/fs/host/host_file.h"

namespace quire::fs::host {
namespace {

std::string fd_path(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

Result<> change_mode(int fd, bool path_only, u32 mode) {
  if (!path_only) return ::fchmod(fd, mode) == 0 ? Result<>{} : err(Errno::last());
#ifdef SYS_fchmodat2
  constexpr long number = SYS_fchmodat2;
#else
  constexpr long number = 452;
#endif
  if (::syscall(number, fd, "", mode, AT_EMPTY_PATH) == 0) return {};
  if (errno != ENOSYS && errno != EINVAL) return err(Errno::last());
  return ::fchmodat(AT_FDCWD, fd_path(fd).c_str(), mode, 0) == 0 ? Result<>{} : err(Errno::last());
}

}  // namespace

Result<> change_by_fd(int fd, bool path_only, const vfs::AttributeChange& c, u32 type) {
  // What a guest writes to the host never carries the identity of its owner there.
  if (c.mode && type != S_IFDIR && (*c.mode & (S_ISUID | S_ISGID)) != 0) return err(EPERM);
  if (c.uid || c.gid) {
    if (::fchownat(fd, "", c.uid.value_or(~u32{0}), c.gid.value_or(~u32{0}), AT_EMPTY_PATH) != 0)
      return err(Errno::last());
  }
  if (c.mode) TRY_VOID(change_mode(fd, path_only, *c.mode));
  if (c.atime || c.mtime) {
    const timespec omit{0, UTIME_OMIT};
    timespec times[2] = {c.atime.value_or(omit), c.mtime.value_or(omit)};
    int r = path_only ? ::utimensat(AT_FDCWD, fd_path(fd).c_str(), times, 0) : ::futimens(fd, times);
    if (r != 0) return err(Errno::last());
  }
  return {};
}

Result<> HostInode::set_attributes(const vfs::AttributeChange& c) {
  if (!host_fs().writable()) return err(EROFS);
  if (c.size) {
    auto fd = TRY(open_host(O_WRONLY));
    if (::ftruncate(fd->get(), static_cast<off_t>(*c.size)) != 0) return err(Errno::last());
    after_write();
  }
  if (c.mode || c.uid || c.gid || c.atime || c.mtime) {
    auto fd = TRY(open_host(O_PATH));
    if (is_symlink() && (c.atime || c.mtime)) {
      const timespec omit{0, UTIME_OMIT};
      timespec times[2] = {c.atime.value_or(omit), c.mtime.value_or(omit)};
      auto dir = TRY(parent()->directory_fd());
      if (::utimensat(dir->get(), name().c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return err(Errno::last());
    } else {
      TRY_VOID(change_by_fd(fd->get(), true, c, type()));
    }
  }
  make_stale();
  return {};
}

// By the directory's descriptor and the name, not following a link at its end: one host call.
Result<std::string> HostInode::get_xattr(const std::string& attribute) {
  Ref<HostInode> up = parent();
  auto dir = TRY(up ? up->directory_fd() : directory_fd());
  std::string path = fd_path(dir->get()) + "/" + (up ? name() : ".");
  std::string value(65536, '\0');
  ssize_t n = ::lgetxattr(path.c_str(), attribute.c_str(), value.data(), value.size());
  if (n < 0) return err(errno == ENOENT ? ENODATA : errno);
  value.resize(static_cast<std::size_t>(n));
  return value;
}

Result<std::vector<std::string>> HostInode::list_xattrs() {
  Ref<HostInode> up = parent();
  auto dir = TRY(up ? up->directory_fd() : directory_fd());
  std::string path = fd_path(dir->get()) + "/" + (up ? name() : ".");
  std::string names(65536, '\0');
  ssize_t n = ::llistxattr(path.c_str(), names.data(), names.size());
  std::vector<std::string> out;
  if (n < 0)
    return errno == EOPNOTSUPP || errno == ENOENT ? Result<std::vector<std::string>>(out)
                                                  : err(Errno::last());
  names.resize(static_cast<std::size_t>(n));
  for (std::size_t at = 0; at < names.size();) {
    out.emplace_back(names.c_str() + at);
    at += out.back().size() + 1;
  }
  return out;
}

Result<> HostInode::set_xattr(const std::string& attribute, std::string_view value, int flags) {
  if (!host_fs().writable()) return err(EROFS);
  if (!attribute.starts_with("user.")) return err(EPERM);
  Ref<HostInode> up = parent();
  auto dir = TRY(up ? up->directory_fd() : directory_fd());
  std::string path = fd_path(dir->get()) + "/" + (up ? name() : ".");
  if (::lsetxattr(path.c_str(), attribute.c_str(), value.data(), value.size(), flags) != 0)
    return err(Errno::last());
  make_stale();
  return {};
}

Result<> HostInode::remove_xattr(const std::string& attribute) {
  if (!host_fs().writable()) return err(EROFS);
  if (!attribute.starts_with("user.")) return err(EPERM);
  Ref<HostInode> up = parent();
  auto dir = TRY(up ? up->directory_fd() : directory_fd());
  std::string path = fd_path(dir->get()) + "/" + (up ? name() : ".");
  if (::lremovexattr(path.c_str(), attribute.c_str()) != 0) return err(Errno::last());
  make_stale();
  return {};
}

}  // namespace quire::fs::host
