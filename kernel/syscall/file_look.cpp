// Looking at files and places without changing them.
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/syscall/file_common.h"

namespace quire::syscall {
namespace {

Result<vfs::Attributes> attributes_of(const vfs::MagicTarget& object) {
  if (object.path) return object.path.inode()->attributes();
  return object.file->attributes();
}

Result<u64> stat_out(Task& task, const vfs::Attributes& attributes, GuestAddr to) {
  TRY_VOID(task.mm().write(to, vfs::to_stat(attributes)));
  return 0;
}

statx_timestamp statx_time(const timespec& t) {
  statx_timestamp s{};
  s.tv_sec = t.tv_sec;
  s.tv_nsec = static_cast<u32>(t.tv_nsec);
  return s;
}

Result<u64> check(Task& task, int dirfd, GuestAddr path, u32 want, int flags) {
  if ((want & ~7u) != 0 || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
    return err(EINVAL);
  vfs::MagicTarget object = TRY(object_at(task, dirfd, path, flags));
  if (!object.path) return 0;
  if ((flags & AT_EACCESS) != 0) {
    TRY_VOID(vfs::check_access(object.path, want, task.credentials()));
    return 0;
  }
  // access(2) asks for the real ids.
  auto real = make_ref<vfs::Credentials>();
  const vfs::Credentials& c = task.credentials();
  real->uid = real->euid = real->fsuid = c.uid;
  real->gid = real->egid = real->fsgid = c.gid;
  real->groups = c.groups;
  real->cap_effective = c.uid == 0 ? c.cap_permitted : 0;
  TRY_VOID(vfs::check_access(object.path, want, *real));
  return 0;
}

/// Packs entries as getdents64 (or the older getdents) hands them out.
class Packer final : public vfs::DirSink {
 public:
  Packer(std::size_t room, bool wide) : room_(room), wide_(wide) {}
  bool add(const std::string& name, u64 inode, u8 type, u64 next) override {
    std::size_t head = wide_ ? 19 : 18;  // without the name; the old form has its type behind the name
    std::size_t size = (head + name.size() + (wide_ ? 1 : 2) + 7) & ~std::size_t{7};
    if (bytes_.size() + size > room_) {
      full_ = true;
      return false;
    }
    std::size_t at = bytes_.size();
    bytes_.resize(at + size);
    std::byte* p = bytes_.data() + at;
    u16 length = static_cast<u16>(size);
    std::memcpy(p, &inode, 8);
    std::memcpy(p + 8, &next, 8);
    std::memcpy(p + 16, &length, 2);
    if (wide_) std::memcpy(p + 18, &type, 1);
    std::memcpy(p + head, name.data(), name.size());
    if (!wide_) std::memcpy(p + size - 1, &type, 1);
    return true;
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  bool full() const { return full_; }

 private:
  std::size_t room_;
  bool wide_, full_ = false;
  std::vector<std::byte> bytes_;
};

Result<u64> list(Task& task, const Args& args, bool wide) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  Packer packer(std::min<u64>(args.u(2), 1 << 20), wide);
  // A bad buffer must not lose entries: it is probed before they are taken.
  if (args.u(2) > 0) {
    std::byte probe;
    if (!task.mm().copy_in(&probe, args.addr(1), 1)) return err(EFAULT);
  }
  TRY_VOID(file->read_directory(packer));
  if (packer.bytes().empty()) return packer.full() ? Result<u64>(err(EINVAL)) : 0;
  TRY_VOID(task.mm().copy_out(args.addr(1), packer.bytes().data(), packer.bytes().size()));
  return packer.bytes().size();
}

Result<u64> read_link(Task& task, int dirfd, GuestAddr path, GuestAddr to, i32 room) {
  if (room <= 0) return err(EINVAL);
  // An empty path names a symbolic link that the descriptor was opened on (O_PATH | O_NOFOLLOW).
  vfs::MagicTarget object =
      TRY(object_at(task, dirfd, path, AT_SYMLINK_NOFOLLOW | (dirfd == AT_FDCWD ? 0 : AT_EMPTY_PATH)));
  if (!object.path || !object.path.inode()->is_symlink()) return err(EINVAL);
  std::string target = TRY(object.path.inode()->read_link());
  std::size_t n = std::min<std::size_t>(target.size(), static_cast<u32>(room));
  TRY_VOID(task.mm().copy_out(to, target.data(), n));
  return n;
}

Result<u64> enter(Task& task, vfs::Path path, bool as_root) {
  if (!path || !path.inode()->is_directory()) return err(ENOTDIR);
  TRY_VOID(vfs::check_permission(*path.inode(), 1, task.credentials()));
  if (as_root) {
    constexpr int cap_sys_chroot = 18;
    if (!task.credentials().capable(cap_sys_chroot)) return err(EPERM);
    task.fs().set_root(std::move(path));
  } else {
    task.fs().set_cwd(std::move(path));
  }
  return 0;
}

Result<vfs::Path> directory_at(Task& task, GuestAddr at) {
  std::string path = TRY(path_in(task, at));
  return vfs::walk(TRY(lookup_at(task, AT_FDCWD, path)), path, vfs::walk_follow | vfs::walk_directory);
}

}  // namespace

QUIRE_SYSCALL(stat) {
  return stat_out(task, TRY(attributes_of(TRY(object_at(task, AT_FDCWD, args.addr(0), 0)))), args.addr(1));
}
QUIRE_SYSCALL(lstat) {
  return stat_out(task, TRY(attributes_of(TRY(object_at(task, AT_FDCWD, args.addr(0), AT_SYMLINK_NOFOLLOW)))),
                  args.addr(1));
}
QUIRE_SYSCALL(fstat) {
  Ref<vfs::File> file = TRY(task.fds().get(args.i(0)));
  return stat_out(task, TRY(file->attributes()), args.addr(1));
}
QUIRE_SYSCALL(newfstatat) {
  int flags = args.i(3);
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)) != 0) return err(EINVAL);
  return stat_out(task, TRY(attributes_of(TRY(object_at(task, args.i(0), args.addr(1), flags)))),
                  args.addr(2));
}

QUIRE_SYSCALL(statx) {
  int flags = args.i(2);
  constexpr int sync_type = 0x6000;
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | sync_type)) != 0 ||
      (flags & sync_type) == sync_type || (args.u(3) & 0x80000000u) != 0)
    return err(EINVAL);
  vfs::MagicTarget object = TRY(object_at(task, args.i(0), args.addr(1), flags));
  vfs::Attributes a = TRY(attributes_of(object));
  struct statx s{};
  s.stx_mask = STATX_BASIC_STATS | (a.has_btime ? STATX_BTIME : 0);
  s.stx_blksize = a.block_size;
  s.stx_nlink = a.nlink;
  s.stx_uid = a.uid;
  s.stx_gid = a.gid;
  s.stx_mode = static_cast<u16>(a.mode);
  s.stx_ino = a.inode;
  s.stx_size = a.size;
  s.stx_blocks = a.blocks;
  s.stx_atime = statx_time(a.atime);
  s.stx_btime = statx_time(a.btime);
  s.stx_ctime = statx_time(a.ctime);
  s.stx_mtime = statx_time(a.mtime);
  s.stx_rdev_major = major(a.rdev);
  s.stx_rdev_minor = minor(a.rdev);
  s.stx_dev_major = major(a.device);
  s.stx_dev_minor = minor(a.device);
  if (object.path) {
    s.stx_mask |= 0x1000;  // STATX_MNT_ID
    s.stx_mnt_id = static_cast<u64>(object.path.mount->id());
    s.stx_attributes_mask = 0x2000;  // STATX_ATTR_MOUNT_ROOT
    if (object.path.dentry == object.path.mount->root()) s.stx_attributes = 0x2000;
  }
  TRY_VOID(task.mm().write(args.addr(4), s));
  return 0;
}

QUIRE_SYSCALL(statfs) {
  vfs::MagicTarget object = TRY(object_at(task, AT_FDCWD, args.addr(0), 0));
  auto s = object.path ? object.path.inode()->file_system().statfs() : object.file->statfs();
  TRY_VOID(task.mm().write(args.addr(1), TRY(std::move(s))));
  return 0;
}
QUIRE_SYSCALL(fstatfs) {
  TRY_VOID(task.mm().write(args.addr(1), TRY(TRY(task.fds().get(args.i(0)))->statfs())));
  return 0;
}

QUIRE_SYSCALL(access) { return check(task, AT_FDCWD, args.addr(0), args.u(1), 0); }
QUIRE_SYSCALL(faccessat) { return check(task, args.i(0), args.addr(1), args.u(2), 0); }
QUIRE_SYSCALL(faccessat2) { return check(task, args.i(0), args.addr(1), args.u(2), args.i(3)); }

QUIRE_SYSCALL(readlink) { return read_link(task, AT_FDCWD, args.addr(0), args.addr(1), args.i(2)); }
QUIRE_SYSCALL(readlinkat) { return read_link(task, args.i(0), args.addr(1), args.addr(2), args.i(3)); }

QUIRE_SYSCALL(getdents) { return list(task, args, false); }
QUIRE_SYSCALL(getdents64) { return list(task, args, true); }

QUIRE_SYSCALL(getcwd) {
  vfs::Path cwd = task.fs().cwd();
  if (cwd.dentry->deleted()) return err(ENOENT);
  std::string name = vfs::path_name(cwd, task.fs().root());
  if (name.size() + 1 > args[1]) return err(ERANGE);
  TRY_VOID(task.mm().copy_out(args.addr(0), name.c_str(), name.size() + 1));
  return name.size() + 1;
}

QUIRE_SYSCALL(chdir) { return enter(task, TRY(directory_at(task, args.addr(0))), false); }
QUIRE_SYSCALL(fchdir) { return enter(task, TRY(task.fds().get(args.i(0)))->path(), false); }
QUIRE_SYSCALL(chroot) { return enter(task, TRY(directory_at(task, args.addr(0))), true); }
QUIRE_SYSCALL(umask) { return task.fs().set_umask(args.u(0)); }

}  // namespace quire::syscall
