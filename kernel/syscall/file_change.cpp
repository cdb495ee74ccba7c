// Making, removing and renaming names; changing attributes.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "kernel/syscall/file_common.h"
#include "kernel/vfs/inotify.h"

namespace quire::syscall {
namespace {

struct Named {
  std::string name;
  vfs::Lookup at;
};
Result<Named> named(Task& task, int dirfd, GuestAddr path) {
  std::string name = TRY(path_in(task, path));
  if (name.empty()) return err(ENOENT);
  vfs::Lookup at = TRY(lookup_at(task, dirfd, name));
  return Named{std::move(name), std::move(at)};
}

Result<u64> make_directory(Task& task, int dirfd, GuestAddr path, u32 mode) {
  Named n = TRY(named(task, dirfd, path));
  TRY_VOID(vfs::make_directory(n.at, n.name, mode & 01777));
  return 0;
}

Result<u64> make_node(Task& task, int dirfd, GuestAddr path, u32 mode, u32 device) {
  if ((mode & S_IFMT) == 0) mode |= S_IFREG;
  if (S_ISDIR(mode)) return err(EPERM);
  if (!S_ISREG(mode) && !S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
    return err(EINVAL);
  Named n = TRY(named(task, dirfd, path));
  TRY_VOID(vfs::make_node(n.at, n.name, mode & (S_IFMT | 07777), device));
  return 0;
}

Result<u64> rename_at(Task& task, int from_dir, GuestAddr from, int to_dir, GuestAddr to, u32 flags) {
  if ((flags & ~u32{RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT}) != 0) return err(EINVAL);
  if ((flags & RENAME_EXCHANGE) != 0 && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) != 0)
    return err(EINVAL);
  if ((flags & RENAME_WHITEOUT) != 0) return err(EINVAL);
  Named a = TRY(named(task, from_dir, from));
  Named b = TRY(named(task, to_dir, to));
  TRY_VOID(vfs::rename(a.at, a.name, b.at, b.name, flags));
  return 0;
}

Result<u64> link_at(Task& task, int from_dir, GuestAddr from, int to_dir, GuestAddr to, int flags) {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return err(EINVAL);
  std::string old_name = TRY(path_in(task, from));
  u32 walk = (flags & AT_SYMLINK_FOLLOW) != 0 ? u32{vfs::walk_follow} : 0u;
  if (old_name.empty() && (flags & AT_EMPTY_PATH) == 0) return err(ENOENT);
  if ((flags & AT_EMPTY_PATH) != 0) walk |= vfs::walk_empty;
  vfs::Lookup at = TRY(lookup_at(task, from_dir, old_name));
  Named b = TRY(named(task, to_dir, to));
  TRY_VOID(vfs::make_link(at, old_name, b.at, b.name, walk));
  return 0;
}

Result<u64> symlink_at(Task& task, GuestAddr target, int dirfd, GuestAddr path) {
  std::string to = TRY(path_in(task, target));
  if (to.empty()) return err(ENOENT);
  Named n = TRY(named(task, dirfd, path));
  TRY_VOID(vfs::make_symlink(n.at, n.name, to));
  return 0;
}

Result<u64> change_mode(Task& task, int dirfd, GuestAddr path, u32 mode, int flags) {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return err(EINVAL);
  vfs::MagicTarget object = TRY(object_at(task, dirfd, path, flags));
  if (!object.path) return err(EINVAL);
  if (object.path.inode()->is_symlink()) return err(EOPNOTSUPP);
  TRY_VOID(vfs::change_mode(object.path, mode & 07777, task.credentials()));
  return 0;
}

Result<u64> change_owner(Task& task, int dirfd, GuestAddr path, u32 uid, u32 gid, int flags) {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return err(EINVAL);
  vfs::MagicTarget object = TRY(object_at(task, dirfd, path, flags));
  if (!object.path) return err(EINVAL);
  TRY_VOID(vfs::change_owner(object.path, uid, gid, task.credentials()));
  return 0;
}

struct Times {
  std::optional<timespec> access, modification;
  bool given = false;  // other than "now"
};
Result<std::optional<timespec>> one_time(const timespec& t, bool& given) {
  if (t.tv_nsec == UTIME_OMIT) {
    given = true;
    return std::optional<timespec>();
  }
  if (t.tv_nsec == UTIME_NOW) return std::optional(vfs::now());
  if (t.tv_nsec < 0 || t.tv_nsec > 999'999'999) return err(EINVAL);
  given = true;
  return std::optional(t);
}

Result<u64> set_times(Task& task, int dirfd, GuestAddr path, const Times& times, int flags) {
  vfs::Path at;
  if (path.value() == 0 && (flags & AT_EMPTY_PATH) == 0) {
    // utimensat with a null path acts on the descriptor.
    if (dirfd == AT_FDCWD) return err(EFAULT);
    Ref<vfs::File> file = TRY(file_at(task, dirfd));
    if (!file->path()) {
      TRY_VOID(file->set_attributes({.atime = times.access, .mtime = times.modification}));
      return 0;
    }
    at = file->path();
  } else {
    vfs::MagicTarget object = TRY(object_at(task, dirfd, path, flags));
    if (!object.path) return err(EINVAL);
    at = object.path;
  }
  if (!times.access && !times.modification) return 0;
  TRY_VOID(vfs::change_times(at, times.access, times.modification, times.given, task.credentials()));
  return 0;
}

Times both_now() { return {vfs::now(), vfs::now(), false}; }

Result<Times> of_timevals(Task& task, GuestAddr at) {
  if (at.value() == 0) return both_now();
  struct Pair {
    timeval t[2];
  };
  auto p = TRY(task.mm().read<Pair>(at));
  Times times;
  for (const timeval& t : p.t)
    if (t.tv_usec < 0 || t.tv_usec > 999'999) return err(EINVAL);
  times.access = timespec{p.t[0].tv_sec, p.t[0].tv_usec * 1000};
  times.modification = timespec{p.t[1].tv_sec, p.t[1].tv_usec * 1000};
  times.given = true;
  return times;
}

}  // namespace

QUIRE_SYSCALL(mkdir) { return make_directory(task, AT_FDCWD, args.addr(0), args.u(1)); }
QUIRE_SYSCALL(mkdirat) { return make_directory(task, args.i(0), args.addr(1), args.u(2)); }
QUIRE_SYSCALL(mknod) { return make_node(task, AT_FDCWD, args.addr(0), args.u(1), args.u(2)); }
QUIRE_SYSCALL(mknodat) { return make_node(task, args.i(0), args.addr(1), args.u(2), args.u(3)); }

QUIRE_SYSCALL(rmdir) {
  Named n = TRY(named(task, AT_FDCWD, args.addr(0)));
  TRY_VOID(vfs::remove_directory(n.at, n.name));
  return 0;
}
QUIRE_SYSCALL(unlink) {
  Named n = TRY(named(task, AT_FDCWD, args.addr(0)));
  TRY_VOID(vfs::unlink(n.at, n.name));
  return 0;
}
QUIRE_SYSCALL(unlinkat) {
  if ((args.i(2) & ~AT_REMOVEDIR) != 0) return err(EINVAL);
  Named n = TRY(named(task, args.i(0), args.addr(1)));
  TRY_VOID((args.i(2) & AT_REMOVEDIR) != 0 ? vfs::remove_directory(n.at, n.name) : vfs::unlink(n.at, n.name));
  return 0;
}

QUIRE_SYSCALL(rename) { return rename_at(task, AT_FDCWD, args.addr(0), AT_FDCWD, args.addr(1), 0); }
QUIRE_SYSCALL(renameat) { return rename_at(task, args.i(0), args.addr(1), args.i(2), args.addr(3), 0); }
QUIRE_SYSCALL(renameat2) {
  return rename_at(task, args.i(0), args.addr(1), args.i(2), args.addr(3), args.u(4));
}
QUIRE_SYSCALL(link) { return link_at(task, AT_FDCWD, args.addr(0), AT_FDCWD, args.addr(1), 0); }
QUIRE_SYSCALL(linkat) { return link_at(task, args.i(0), args.addr(1), args.i(2), args.addr(3), args.i(4)); }
QUIRE_SYSCALL(symlink) { return symlink_at(task, args.addr(0), AT_FDCWD, args.addr(1)); }
QUIRE_SYSCALL(symlinkat) { return symlink_at(task, args.addr(0), args.i(1), args.addr(2)); }

QUIRE_SYSCALL(chmod) { return change_mode(task, AT_FDCWD, args.addr(0), args.u(1), 0); }
QUIRE_SYSCALL(fchmodat) { return change_mode(task, args.i(0), args.addr(1), args.u(2), 0); }
QUIRE_SYSCALL(fchmodat2) { return change_mode(task, args.i(0), args.addr(1), args.u(2), args.i(3)); }
QUIRE_SYSCALL(fchmod) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  if (file->path())
    TRY_VOID(vfs::change_mode(file->path(), args.u(1) & 07777, task.credentials()));
  else
    TRY_VOID(file->set_attributes({.mode = args.u(1) & 07777}));
  return 0;
}
QUIRE_SYSCALL(chown) { return change_owner(task, AT_FDCWD, args.addr(0), args.u(1), args.u(2), 0); }
QUIRE_SYSCALL(lchown) {
  return change_owner(task, AT_FDCWD, args.addr(0), args.u(1), args.u(2), AT_SYMLINK_NOFOLLOW);
}
QUIRE_SYSCALL(fchownat) {
  return change_owner(task, args.i(0), args.addr(1), args.u(2), args.u(3), args.i(4));
}
QUIRE_SYSCALL(fchown) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  if (!file->path()) return err(EINVAL);
  TRY_VOID(vfs::change_owner(file->path(), args.u(1), args.u(2), task.credentials()));
  return 0;
}

QUIRE_SYSCALL(utimensat) {
  if ((args.i(3) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return err(EINVAL);
  Times times = both_now();
  if (args[2] != 0) {
    struct Pair {
      timespec t[2];
    };
    auto p = TRY(task.mm().read<Pair>(args.addr(2)));
    times = {};
    times.access = TRY(one_time(p.t[0], times.given));
    times.modification = TRY(one_time(p.t[1], times.given));
  }
  return set_times(task, args.i(0), args.addr(1), times, args.i(3));
}
QUIRE_SYSCALL(futimesat) {
  return set_times(task, args.i(0), args.addr(1), TRY(of_timevals(task, args.addr(2))), 0);
}
QUIRE_SYSCALL(utimes) {
  return set_times(task, AT_FDCWD, args.addr(0), TRY(of_timevals(task, args.addr(1))), 0);
}
QUIRE_SYSCALL(utime) {
  Times times = both_now();
  if (args[1] != 0) {
    auto u = TRY(task.mm().read<utimbuf>(args.addr(1)));
    times = {timespec{u.actime, 0}, timespec{u.modtime, 0}, true};
  }
  return set_times(task, AT_FDCWD, args.addr(0), times, 0);
}

QUIRE_SYSCALL(truncate) {
  if (static_cast<i64>(args[1]) < 0) return err(EINVAL);
  Named n = TRY(named(task, AT_FDCWD, args.addr(0)));
  vfs::Path path = TRY(vfs::walk(n.at, n.name, vfs::walk_follow));
  TRY_VOID(check_file_size(task, args[1]));
  TRY_VOID(vfs::truncate(path, args[1], task.credentials()));
  vfs::notify_watches(path, IN_MODIFY);
  return 0;
}

}  // namespace quire::syscall
