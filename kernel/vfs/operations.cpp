#include "kernel/vfs/operations.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel/vfs/inotify.h"
#include "kernel/vfs/make.h"
#include "kernel/vfs/walker.h"

namespace quire::vfs {

Result<NewNode> new_node(Inode& dir, u32 mode, const Credentials& c) {
  Owner o = TRY(dir.owner());
  NewNode n;
  n.mode = mode;
  n.uid = c.fsuid;
  n.gid = c.fsgid;
  if ((o.mode & S_ISGID) != 0) {
    n.gid = o.gid;
    if (S_ISDIR(mode))
      n.mode |= S_ISGID;
    else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !c.in_group(o.gid) &&
             !c.capable(CAP_FSETID))
      n.mode &= ~u32{S_ISGID};
  }
  return n;
}

Result<Path> make_in(const Path& dir, const std::string& name, u32 mode, u64 rdev, std::string target,
                     const Credentials& credentials) {
  Inode& d = *dir.inode();
  NewNode node = TRY(new_node(d, mode, credentials));
  node.rdev = rdev;
  node.target = std::move(target);
  Path made;
  {
    LockGuard g(d.directory_lock);
    if (dir.dentry->deleted()) return err(ENOENT);
    auto inode = d.create(name, node);
    if (!inode) {
      if (inode.error().value() == EEXIST) dir.dentry->detach(name);  // what the cache said was wrong
      return err(inode.error());
    }
    made = Path{dir.mount, dir.dentry->attach(name, *std::move(inode))};
  }
  notify_directory(d, IN_CREATE | (S_ISDIR(mode) ? u32{IN_ISDIR} : 0), name);
  return made;
}

namespace {

/// The checks before making `end`: it must be a free name in a writable directory.
Result<> check_can_make(const WalkEnd& end, bool directory, const Credentials& c) {
  if (end.path || end.file) return err(EEXIST);
  if (end.slash && !directory) return err(ENOENT);
  return check_access(end.parent, W_OK | X_OK, c);
}

/// May `c` remove or rename `victim` out of `dir`? Sticky directories protect what others own.
Result<> check_can_remove(const Path& dir, Inode& victim, const Credentials& c) {
  TRY_VOID(check_access(dir, W_OK | X_OK, c));
  Owner d = TRY(dir.inode()->owner());
  if ((d.mode & S_ISVTX) == 0 || c.capable(CAP_FOWNER) || c.fsuid == d.uid) return {};
  Owner v = TRY(victim.owner());
  return c.fsuid == v.uid ? Result<>{} : err(EPERM);
}

/// Path and parent of something to be removed: EINVAL for ".", ENOTEMPTY for "..", EBUSY for roots.
Result<WalkEnd> find_victim(const Lookup& at, std::string_view name) {
  WalkEnd end = TRY(walk_to_end(at, name, 0, true));
  if (end.name.empty()) return err(EBUSY);  // "/"
  return end;
}

Result<Ref<Dentry>> child_of(const Path& dir, const std::string& name) {
  Ref<Dentry> child = TRY(dir.dentry->lookup(name, true));
  if (child->negative()) return err(ENOENT);
  return child;
}

/// After the last name of a removed inode is gone.
void notify_removed(const Path& dir, Inode& victim, const std::string& name) {
  notify_directory(*dir.inode(), IN_DELETE | (victim.is_directory() ? u32{IN_ISDIR} : 0), name);
  if (victim.watches_if_any() == nullptr) return;
  auto a = victim.attributes();
  notify_self(victim, victim.is_directory() || !a || a->nlink == 0 ? u32{IN_DELETE_SELF} : u32{IN_ATTRIB});
}

}  // namespace

Result<> make_directory(const Lookup& at, std::string_view name, u32 mode) {
  WalkEnd end = TRY(walk_to_end(at, name, 0, false));
  TRY_VOID(check_can_make(end, true, at.credentials));
  TRY(make_in(end.parent, end.name, S_IFDIR | (mode & 01777 & ~at.umask), 0, {}, at.credentials));
  return {};
}

Result<Path> make_node(const Lookup& at, std::string_view name, u32 mode, u64 rdev) {
  u32 type = mode & S_IFMT;
  if (type == 0) type = S_IFREG;
  if (type == S_IFDIR) return err(EPERM);
  if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK && type != S_IFCHR && type != S_IFBLK)
    return err(EINVAL);
  // 0/0 character devices are whiteouts, which Linux lets anyone make.
  if ((type == S_IFBLK || (type == S_IFCHR && rdev != 0)) && !at.credentials.capable(CAP_MKNOD))
    return err(EPERM);
  WalkEnd end = TRY(walk_to_end(at, name, 0, false));
  TRY_VOID(check_can_make(end, false, at.credentials));
  return make_in(end.parent, end.name, type | (mode & 07777 & ~at.umask), rdev, {}, at.credentials);
}

Result<> make_symlink(const Lookup& at, std::string_view name, std::string_view target) {
  if (target.empty()) return err(ENOENT);
  if (target.size() > 4095) return err(ENAMETOOLONG);
  WalkEnd end = TRY(walk_to_end(at, name, 0, false));
  TRY_VOID(check_can_make(end, false, at.credentials));
  TRY(make_in(end.parent, end.name, S_IFLNK | 0777, 0, std::string(target), at.credentials));
  return {};
}

Result<> make_link(const Lookup& from, std::string_view old_name, const Lookup& to, std::string_view new_name,
                   u32 walk_flags) {
  Path old = TRY(walk(from, old_name, walk_flags));
  WalkEnd end = TRY(walk_to_end(to, new_name, 0, false));
  TRY_VOID(check_can_make(end, false, to.credentials));
  if (!(old.mount == end.parent.mount)) return err(EXDEV);
  if (old.inode()->is_directory()) return err(EPERM);
  {
    Inode& d = *end.parent.inode();
    LockGuard g(d.directory_lock);
    if (end.parent.dentry->deleted()) return err(ENOENT);
    TRY_VOID(d.link(end.name, *old.inode()));
    end.parent.dentry->attach(end.name, old.dentry->inode_ref());
  }
  notify_directory(*end.parent.inode(), IN_CREATE, end.name);
  notify_self(*old.inode(), IN_ATTRIB);
  return {};
}

Result<> unlink(const Lookup& at, std::string_view name) {
  WalkEnd end = TRY(find_victim(at, name));
  if (end.name == "." || end.name == "..") return err(EISDIR);
  Ref<Dentry> victim = TRY(child_of(end.parent, end.name));
  Inode& inode = *victim->inode();
  TRY_VOID(check_can_remove(end.parent, inode, at.credentials));
  if (inode.is_directory()) return err(EISDIR);
  if (end.slash) return err(ENOTDIR);
  if (victim->has_mounts()) return err(EBUSY);
  {
    Inode& d = *end.parent.inode();
    LockGuard g(d.directory_lock);
    TRY_VOID(d.unlink(end.name, inode));
    end.parent.dentry->detach(end.name);
  }
  notify_removed(end.parent, inode, end.name);
  return {};
}

Result<> remove_directory(const Lookup& at, std::string_view name) {
  WalkEnd end = TRY(find_victim(at, name));
  if (end.name == ".") return err(EINVAL);
  if (end.name == "..") return err(ENOTEMPTY);
  Ref<Dentry> victim = TRY(child_of(end.parent, end.name));
  Inode& inode = *victim->inode();
  TRY_VOID(check_can_remove(end.parent, inode, at.credentials));
  if (!inode.is_directory()) return err(ENOTDIR);
  if (victim->has_mounts()) return err(EBUSY);
  {
    Inode& d = *end.parent.inode();
    // By now a rename may have put the parent below the victim: whoever locks two directories does it alone.
    LockGuard serial(Dentry::rename_lock());
    LockGuard g(d.directory_lock);
    LockGuard inner(inode.directory_lock);  // nobody makes anything in it meanwhile or afterwards
    TRY_VOID(d.rmdir(end.name, inode));
    end.parent.dentry->detach(end.name);
  }
  notify_removed(end.parent, inode, end.name);
  return {};
}

namespace {

struct RenameSide {
  WalkEnd end;
  Ref<Dentry> dentry;  // null: no such name
};

/// The checks of rename once everything is found. Directory locks held.
Result<> check_rename(const RenameSide& from, const RenameSide& to, u32 flags, const Credentials& c) {
  Inode& moved = *from.dentry->inode();
  bool exchange = (flags & RENAME_EXCHANGE) != 0;
  TRY_VOID(check_can_remove(from.end.parent, moved, c));
  if (to.dentry) {
    if ((flags & RENAME_NOREPLACE) != 0) return err(EEXIST);
    TRY_VOID(check_can_remove(to.end.parent, *to.dentry->inode(), c));
    bool to_directory = to.dentry->inode()->is_directory();
    if (!exchange && moved.is_directory() && !to_directory) return err(ENOTDIR);
    if (!exchange && !moved.is_directory() && to_directory) return err(EISDIR);
    if (to.dentry->has_mounts()) return err(EBUSY);
    if (from.end.parent.dentry->is_below(*to.dentry)) return err(exchange ? EINVAL : ENOTEMPTY);
    if (to.end.slash && exchange && !to_directory) return err(ENOTDIR);
  } else {
    if (exchange) return err(ENOENT);
    TRY_VOID(check_access(to.end.parent, W_OK | X_OK, c));
  }
  if (from.dentry->has_mounts()) return err(EBUSY);
  if (moved.is_directory()) {
    if (to.end.parent.dentry->is_below(*from.dentry)) return err(EINVAL);
    // ".." changes, which takes write permission on the directory itself.
    if (!(from.end.parent.dentry == to.end.parent.dentry)) TRY_VOID(check_permission(moved, W_OK, c));
  } else if (from.end.slash || (to.end.slash && !exchange)) {
    return err(ENOTDIR);
  }
  return {};
}

bool old_dir_below(const Path& old_dir, const Path& new_dir) {
  return !(old_dir.dentry == new_dir.dentry) && old_dir.dentry->is_below(*new_dir.dentry);
}

}  // namespace

namespace {

Result<> rename_once(const Lookup& from_at, std::string_view old_name, const Lookup& to_at,
                     std::string_view new_name, u32 flags) {
  if ((flags & ~u32{RENAME_NOREPLACE | RENAME_EXCHANGE}) != 0) return err(EINVAL);
  if ((flags & RENAME_NOREPLACE) != 0 && (flags & RENAME_EXCHANGE) != 0) return err(EINVAL);
  RenameSide from{TRY(walk_to_end(from_at, old_name, 0, true)), {}};
  RenameSide to{TRY(walk_to_end(to_at, new_name, 0, true)), {}};
  for (const WalkEnd* e : {&from.end, &to.end})
    if (e->name.empty() || e->name == "." || e->name == "..") return err(EBUSY);
  if (!(from.end.parent.mount == to.end.parent.mount)) return err(EXDEV);
  Inode& old_dir = *from.end.parent.inode();
  Inode& new_dir = *to.end.parent.inode();
  Ref<Dentry> replaced;
  bool directory = false;
  {
    // Look-ups before the locks, since they take the directory's; then again from the cache.
    from.dentry = TRY(child_of(from.end.parent, from.end.name));
    Ref<Dentry> d = TRY(to.end.parent.dentry->lookup(to.end.name, true));
    if (!d->negative()) to.dentry = d;
    LockGuard serial(Dentry::rename_lock());
    // One rename or rmdir at a time, and ancestors first in both, so the order of two directories is that of
    // the tree. The directory that will be replaced is locked for the same reason as in rmdir.
    bool new_first = old_dir_below(from.end.parent, to.end.parent);
    LockGuard first(new_first ? new_dir.directory_lock : old_dir.directory_lock);
    std::optional<LockGuard<Mutex<locks::directory>>> second, third;
    if (&new_dir != &old_dir) second.emplace(new_first ? old_dir.directory_lock : new_dir.directory_lock);
    if (to.dentry && to.dentry->inode()->is_directory() && to.dentry->inode() != &old_dir &&
        to.dentry->inode() != &new_dir)
      third.emplace(to.dentry->inode()->directory_lock);
    if (from.dentry->deleted() || to.end.parent.dentry->deleted()) return err(ENOENT);
    if (to.dentry && to.dentry->deleted()) to.dentry = nullptr;
    TRY_VOID(check_rename(from, to, flags, from_at.credentials));
    Inode& moved = *from.dentry->inode();
    directory = moved.is_directory();
    if (to.dentry && to.dentry->inode() == &moved && (flags & RENAME_EXCHANGE) == 0) return {};  // same file
    replaced = to.dentry;
    TRY_VOID(old_dir.rename(from.end.name, moved, new_dir, to.end.name,
                            replaced ? replaced->inode() : nullptr, flags & RENAME_EXCHANGE));
    Dentry& old_parent = *from.end.parent.dentry;
    if ((flags & RENAME_EXCHANGE) != 0)
      old_parent.exchange(from.end.name, *to.end.parent.dentry, to.end.name);
    else
      old_parent.move(from.end.name, *to.end.parent.dentry, to.end.name);
  }
  u32 cookie = next_inotify_cookie();
  u32 is_dir = directory ? u32{IN_ISDIR} : 0;
  notify_directory(old_dir, IN_MOVED_FROM | is_dir, from.end.name, cookie);
  notify_directory(new_dir, IN_MOVED_TO | is_dir, to.end.name, cookie);
  notify_self(*from.dentry->inode(), IN_MOVE_SELF);
  if (replaced && (flags & RENAME_EXCHANGE) == 0 && replaced->inode()->watches_if_any() != nullptr)
    notify_self(*replaced->inode(), IN_DELETE_SELF);
  return {};
}

}  // namespace

Result<> rename(const Lookup& from_at, std::string_view old_name, const Lookup& to_at,
                std::string_view new_name, u32 flags) {
  // ESTALE: the target was made between the look-up and the locks.
  constexpr int most_tries = 64;
  for (int tries = 1;; ++tries) {
    auto done = rename_once(from_at, old_name, to_at, new_name, flags);
    if (done || done.error() != Errno(ESTALE) || tries == most_tries) return done;
  }
}

}  // namespace quire::vfs

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
/// ThreadSanitizer looks for one order of directories' locks. It is that of the tree, which renames change;
/// that they do so one at a time it does not see.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "deadlock:quire::vfs::remove_directory\ndeadlock:quire::vfs::*rename_once\n";
}
#endif
#endif
