// Extended attributes.
#include <fcntl.h>
#include <sys/xattr.h>

#include <algorithm>

#include "kernel/syscall/file_common.h"

namespace quire::syscall {
namespace {

constexpr std::size_t name_max = 255, value_max = 65536;

/// The object of the three forms: by path, by path without following, by descriptor.
enum class By : u8 { path, link, descriptor };
Result<vfs::Path> object(Task& task, const Args& args, By by) {
  vfs::Path path;
  if (by == By::descriptor)
    path = TRY(file_at(task, args.i(0)))->path();
  else
    path = TRY(object_at(task, AT_FDCWD, args.addr(0), by == By::link ? AT_SYMLINK_NOFOLLOW : 0)).path;
  if (!path) return err(EOPNOTSUPP);
  return path;
}

/// Names are of known classes; "user." is for regular files and directories, "trusted." for root.
Result<std::string> name_at(Task& task, GuestAddr at, vfs::Inode& inode, bool change) {
  auto name = task.mm().copy_in_string(at, name_max + 1);
  if (!name) return err(name.error() == Errno(ENAMETOOLONG) ? Errno(ERANGE) : name.error());
  if (name->empty()) return err(ERANGE);
  constexpr int cap_sys_admin_number = 21;
  bool admin = task.credentials().capable(cap_sys_admin_number);
  if (name->starts_with("user.")) {
    if (!inode.is_regular() && !inode.is_directory()) return err(change ? EPERM : ENODATA);
    TRY_VOID(vfs::check_permission(inode, change ? 2 : 4, task.credentials()));
  } else if (name->starts_with("trusted.")) {
    if (!admin) return err(change ? EPERM : ENODATA);
  } else if (name->starts_with("security.") || name->starts_with("system.")) {
    if (change) TRY_VOID(vfs::check_owner(inode, task.credentials()));
  } else {
    return err(EOPNOTSUPP);
  }
  return *name;
}

/// As both get and list hand out: size 0 asks for the length, ERANGE if it does not fit.
Result<u64> hand_out(Task& task, const std::string& value, GuestAddr to, u64 room) {
  if (room == 0) return value.size();
  if (value.size() > room) return err(ERANGE);
  TRY_VOID(task.mm().copy_out(to, value.data(), value.size()));
  return value.size();
}

Result<u64> get(Task& task, const Args& args, By by) {
  vfs::Path path = TRY(object(task, args, by));
  std::string name = TRY(name_at(task, args.addr(1), *path.inode(), false));
  return hand_out(task, TRY(path.inode()->get_xattr(name)), args.addr(2), args[3]);
}

Result<u64> set(Task& task, const Args& args, By by) {
  if ((args.i(4) & ~(XATTR_CREATE | XATTR_REPLACE)) != 0) return err(EINVAL);
  if (args[3] > value_max) return err(E2BIG);
  vfs::Path path = TRY(object(task, args, by));
  if (path.mount->read_only()) return err(EROFS);
  std::string name = TRY(name_at(task, args.addr(1), *path.inode(), true));
  std::string value(args[3], '\0');
  if (!value.empty()) TRY_VOID(task.mm().copy_in(value.data(), args.addr(2), value.size()));
  TRY_VOID(path.inode()->set_xattr(name, value, args.i(4)));
  return 0;
}

Result<u64> list(Task& task, const Args& args, By by) {
  vfs::Path path = TRY(object(task, args, by));
  std::string names;
  for (const std::string& n : TRY(path.inode()->list_xattrs())) names.append(n).push_back('\0');
  return hand_out(task, names, args.addr(1), args[2]);
}

Result<u64> remove(Task& task, const Args& args, By by) {
  vfs::Path path = TRY(object(task, args, by));
  if (path.mount->read_only()) return err(EROFS);
  TRY_VOID(path.inode()->remove_xattr(TRY(name_at(task, args.addr(1), *path.inode(), true))));
  return 0;
}

}  // namespace

QUIRE_SYSCALL(getxattr) { return get(task, args, By::path); }
QUIRE_SYSCALL(lgetxattr) { return get(task, args, By::link); }
QUIRE_SYSCALL(fgetxattr) { return get(task, args, By::descriptor); }
QUIRE_SYSCALL(setxattr) { return set(task, args, By::path); }
QUIRE_SYSCALL(lsetxattr) { return set(task, args, By::link); }
QUIRE_SYSCALL(fsetxattr) { return set(task, args, By::descriptor); }
QUIRE_SYSCALL(listxattr) { return list(task, args, By::path); }
QUIRE_SYSCALL(llistxattr) { return list(task, args, By::link); }
QUIRE_SYSCALL(flistxattr) { return list(task, args, By::descriptor); }
QUIRE_SYSCALL(removexattr) { return remove(task, args, By::path); }
QUIRE_SYSCALL(lremovexattr) { return remove(task, args, By::link); }
QUIRE_SYSCALL(fremovexattr) { return remove(task, args, By::descriptor); }

}  // namespace quire::syscall
