#include <linux/capability.h>
#include <sys/mount.h>
#include <unistd.h>

#include "kernel/vfs/operations.h"

namespace quire::vfs {

Result<> check_permission(Inode& inode, u32 want, const Credentials& c) {
  Owner o = TRY(inode.owner());
  u32 granted = c.fsuid == o.uid ? o.mode >> 6 : c.in_group(o.gid) ? o.mode >> 3 : o.mode;
  if ((want & ~granted & 7) == 0) return {};
  bool directory = inode.is_directory();
  if (c.capable(CAP_DAC_OVERRIDE)) {
    // Nobody executes a file that is executable for nobody.
    if (directory || (want & X_OK) == 0 || (o.mode & 0111) != 0) return {};
  }
  if (c.capable(CAP_DAC_READ_SEARCH) && (want == R_OK || (directory && (want & W_OK) == 0))) return {};
  return err(EACCES);
}

Result<> check_access(const Path& path, u32 want, const Credentials& credentials) {
  Inode& inode = *path.inode();
  if ((want & W_OK) != 0 && path.mount && path.mount->read_only()) {
    u32 t = inode.type();
    if (t == S_IFREG || t == S_IFDIR || t == S_IFLNK) return err(EROFS);
  }
  if ((want & X_OK) != 0 && inode.is_regular() && path.mount && (path.mount->flags() & MS_NOEXEC) != 0)
    return err(EACCES);
  return check_permission(inode, want, credentials);
}

Result<> check_owner(Inode& inode, const Credentials& c) {
  Owner o = TRY(inode.owner());
  if (c.fsuid == o.uid || c.capable(CAP_FOWNER)) return {};
  return err(EPERM);
}

void remove_privileges(Inode& inode, const Credentials& c) {
  auto o = inode.owner();
  if (!o || !inode.is_regular() || (o->mode & (S_ISUID | S_ISGID)) == 0 || c.capable(CAP_FSETID)) return;
  u32 mode = o->mode & 07777 & ~u32{S_ISUID};
  if ((mode & S_IXGRP) != 0) mode &= ~u32{S_ISGID};
  if (mode != (o->mode & 07777)) (void)inode.set_attributes({.mode = mode});
}

namespace {
Result<> check_writable_mount(const Path& path) {
  if (path.mount && path.mount->read_only()) return err(EROFS);
  return {};
}
}  // namespace

Result<> change_mode(const Path& path, u32 mode, const Credentials& c) {
  TRY_VOID(check_writable_mount(path));
  TRY_VOID(check_owner(*path.inode(), c));
  if (path.inode()->is_symlink()) return err(EOPNOTSUPP);
  Owner o = TRY(path.inode()->owner());
  mode &= 07777;
  if (!c.in_group(o.gid) && !c.capable(CAP_FSETID)) mode &= ~u32{S_ISGID};
  return path.inode()->set_attributes({.mode = mode});
}

Result<> change_owner(const Path& path, u32 uid, u32 gid, const Credentials& c) {
  TRY_VOID(check_writable_mount(path));
  Owner o = TRY(path.inode()->owner());
  AttributeChange change;
  if (uid != ~u32{0}) {
    if (!c.capable(CAP_CHOWN) && !(c.fsuid == o.uid && uid == o.uid)) return err(EPERM);
    change.uid = uid;
  }
  if (gid != ~u32{0}) {
    if (!c.capable(CAP_CHOWN) && !(c.fsuid == o.uid && (c.in_group(gid) || gid == o.gid))) return err(EPERM);
    change.gid = gid;
  }
  if (!path.inode()->is_directory() && (o.mode & (S_ISUID | S_ISGID)) != 0) {
    u32 mode = o.mode & 07777 & ~u32{S_ISUID};
    if ((mode & S_IXGRP) != 0) mode &= ~u32{S_ISGID};
    if (mode != (o.mode & 07777)) change.mode = mode;
  }
  return path.inode()->set_attributes(change);
}

Result<> change_times(const Path& path, std::optional<timespec> atime, std::optional<timespec> mtime,
                      bool explicit_time, const Credentials& c) {
  TRY_VOID(check_writable_mount(path));
  if (!check_owner(*path.inode(), c)) {
    if (explicit_time) return err(EPERM);
    TRY_VOID(check_permission(*path.inode(), W_OK, c));
  }
  return path.inode()->set_attributes({.atime = atime, .mtime = mtime});
}

Result<> truncate(const Path& path, u64 size, const Credentials& c) {
  Inode& inode = *path.inode();
  if (inode.is_directory()) return err(EISDIR);
  if (!inode.is_regular()) return err(EINVAL);
  TRY_VOID(check_access(path, W_OK, c));
  TRY_VOID(inode.set_attributes({.size = size}));
  remove_privileges(inode, c);
  return {};
}

}  // namespace quire::vfs
