// Making, removing and renaming, where the directory was handed over for writing.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/fs/host/host_inode.h"

namespace quire::fs::host {
namespace {

Result<> check(int r) { return r == 0 ? Result<>{} : err(Errno::last()); }

Result<> make_node(int dir, const char* name, const vfs::NewNode& n) {
  u32 permissions = n.mode & 0777;  // no set-id bits
  switch (n.mode & S_IFMT) {
    case S_IFREG: {
      int fd =
          ::openat(dir, name, O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, permissions);
      if (fd < 0) return err(Errno::last());
      ::close(fd);
      return {};
    }
    case S_IFDIR:
      return check(::mkdirat(dir, name, permissions | (n.mode & S_ISVTX)));
    case S_IFLNK:
      return check(::symlinkat(n.target.c_str(), dir, name));
    case S_IFIFO:
    case S_IFSOCK:
      return check(::mknodat(dir, name, (n.mode & S_IFMT) | permissions, 0));
    default:
      return err(EPERM);  // never a device node
  }
}

}  // namespace

Result<Ref<vfs::Inode>> HostInode::create(std::string_view name, const vfs::NewNode& node) {
  if (!is_directory()) return err(ENOTDIR);
  if (!host_fs().writable()) return err(EROFS);
  auto dir = TRY(directory_fd());
  std::string n(name);
  TRY_VOID(make_node(dir->get(), n.c_str(), node));
  make_stale();
  vfs::Attributes found = TRY(stat_at(dir->get(), n.c_str()));
  auto inode = host_fs().inode_for(found, this, name);
  vfs::AttributeChange fix;
  u32 mode = node.mode & (S_ISDIR(node.mode) ? 01777 : 0777);
  if (!S_ISLNK(node.mode) && (found.mode & 07777 & ~u32{S_ISGID}) != mode) {
    // A directory keeps the set-group-ID bit that the host gave it.
    fix.mode = S_ISDIR(found.mode) ? mode | (found.mode & S_ISGID) : mode;
  }
  // Only a kernel that runs as root can give files to others; without that they are its user's.
  if (::geteuid() == 0 && found.uid != node.uid) fix.uid = node.uid;
  if (::geteuid() == 0 && found.gid != node.gid) fix.gid = node.gid;
  if (fix.mode || fix.uid || fix.gid) (void)inode->set_attributes(fix);
  return Ref<vfs::Inode>(inode);
}

Result<> HostInode::link(std::string_view name, vfs::Inode& target) {
  if (!host_fs().writable()) return err(EROFS);
  auto& t = static_cast<HostInode&>(target);
  auto dir = TRY(directory_fd());
  Ref<HostInode> up = t.parent();
  if (!up) return err(EPERM);
  auto from = TRY(up->directory_fd());
  TRY_VOID(check(::linkat(from->get(), t.name().c_str(), dir->get(), std::string(name).c_str(), 0)));
  make_stale();
  t.make_stale();
  return {};
}

Result<> HostInode::unlink(std::string_view name, vfs::Inode& victim) {
  if (!host_fs().writable()) return err(EROFS);
  auto dir = TRY(directory_fd());
  TRY_VOID(check(::unlinkat(dir->get(), std::string(name).c_str(), 0)));
  make_stale();
  static_cast<HostInode&>(victim).unlinked();
  return {};
}

Result<> HostInode::rmdir(std::string_view name, vfs::Inode& victim) {
  if (!host_fs().writable()) return err(EROFS);
  auto dir = TRY(directory_fd());
  TRY_VOID(check(::unlinkat(dir->get(), std::string(name).c_str(), AT_REMOVEDIR)));
  make_stale();
  static_cast<HostInode&>(victim).unlinked();
  return {};
}

void HostInode::unlinked() {
  make_stale();
  LockGuard g(lock_);
  if (a_.nlink != 0) a_.nlink = is_directory() ? 0 : a_.nlink - 1;
}

Result<> HostInode::rename(std::string_view name, vfs::Inode& moved, vfs::Inode& new_dir,
                           std::string_view new_name, vfs::Inode* replaced, u32 flags) {
  if (!host_fs().writable()) return err(EROFS);
  auto& to = static_cast<HostInode&>(new_dir);
  std::string a(name), b(new_name);
  auto from_dir = TRY(directory_fd());
  auto to_dir = TRY(to.directory_fd());
  TRY_VOID(check(static_cast<int>(
      ::syscall(SYS_renameat2, from_dir->get(), a.c_str(), to_dir->get(), b.c_str(), flags))));
  make_stale();
  to.make_stale();
  auto& m = static_cast<HostInode&>(moved);
  m.set_place(&to, new_name);
  m.make_stale();
  if (replaced == nullptr) return {};
  auto& r = static_cast<HostInode&>(*replaced);
  if ((flags & RENAME_EXCHANGE) != 0)
    r.set_place(this, name);
  else
    r.unlinked();
  return {};
}

}  // namespace quire::fs::host
