#include <fcntl.h>
#include <linux/capability.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <unistd.h>

#include "kernel/vfs/inotify.h"
#include "kernel/vfs/make.h"
#include "kernel/vfs/walker.h"

namespace quire::vfs {
namespace {

constexpr int large_file = 0100000;  // O_LARGEFILE, which every 64-bit open gets
constexpr int only_for_open = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC;

u32 wanted_access(int flags) {
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return R_OK;
    case O_WRONLY:
      return W_OK;
    default:
      return R_OK | W_OK;  // 3 asks for both and gives neither, as Linux has it
  }
}

/// A description of `path`, with no permission checked.
Result<Ref<File>> open_checked(const Path& path, int flags) {
  Ref<File> file = TRY(path.inode()->open(flags));
  if (!file->path()) file->set_path(path);
  file->set_flags((flags & ~only_for_open) | large_file | (file->flags() & O_PATH));
  notify_watches(path, IN_OPEN);
  return file;
}

/// What a descriptor in /proc leads to, where that has no place in the tree.
Result<Ref<File>> reopen(File& file, int flags) {
  Ref<File> again = TRY(file.reopen(flags & ~only_for_open));
  if ((flags & O_TRUNC) == 0 || (TRY(again->attributes()).mode & S_IFMT) != S_IFREG) return again;
  if (!again->writable()) return err(EACCES);
  TRY_VOID(again->truncate(0));
  return again;
}

Result<Ref<File>> open_orphan(const Lookup& at, std::string_view name, const OpenHow& how) {
  if ((how.flags & O_ACCMODE) == O_RDONLY) return err(EINVAL);
  Path dir = TRY(walk(at, name, how.walk | walk_follow | walk_directory));
  TRY_VOID(check_access(dir, W_OK | X_OK, at.credentials));
  NewNode node = TRY(new_node(*dir.inode(), S_IFREG | (how.mode & 07777 & ~at.umask), at.credentials));
  Ref<Inode> inode = TRY(dir.inode()->file_system().make_orphan(node));
  std::string shown = "/" + std::to_string(TRY(inode->attributes()).inode) + " (deleted)";
  Path path{dir.mount, Dentry::make_unattached(std::move(inode), std::move(shown))};
  return open_checked(path, how.flags & ~O_DIRECTORY);
}

}  // namespace

Result<Ref<File>> open_path(const Path& path, int flags, const Credentials& credentials) {
  Inode& inode = *path.inode();
  u32 type = inode.type();
  if ((flags & O_PATH) != 0) {
    auto file = make_ref<PathFile>(flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW));
    file->set_path(path);
    return Ref<File>(file);
  }
  if (type == S_IFLNK) return err(ELOOP);
  if (type == S_IFDIR && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0)) return err(EISDIR);
  if ((type == S_IFCHR || type == S_IFBLK) && path.mount && (path.mount->flags() & MS_NODEV) != 0)
    return err(EACCES);
  bool truncates = (flags & O_TRUNC) != 0 && type == S_IFREG;
  TRY_VOID(check_access(path, wanted_access(flags) | (truncates ? W_OK : 0), credentials));
  if (type == S_IFSOCK) return err(ENXIO);
  if ((flags & O_NOATIME) != 0) TRY_VOID(check_owner(inode, credentials));
  if (truncates) {
    TRY_VOID(inode.set_attributes({.size = 0}));
    remove_privileges(inode, credentials);
  }
  return open_checked(path, flags);
}

Result<Ref<File>> open(const Lookup& at, std::string_view name, const OpenHow& how) {
  constexpr int orphan = O_TMPFILE & ~O_DIRECTORY;
  int flags = how.flags;
  if ((flags & O_PATH) != 0)
    flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  else if ((flags & orphan) != 0)
    return open_orphan(at, name, how);
  u32 walk_flags = how.walk;
  if ((flags & O_NOFOLLOW) == 0 && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
    walk_flags |= walk_follow;
  // A name may come or go between the walk and the making (the host's files): then look again.
  for (int attempt = 0;; ++attempt) {
    WalkEnd end = TRY(walk_to_end(at, name, walk_flags, false));
    if (end.file && (!end.path || !end.path.mount)) return reopen(*end.file, flags);
    if (end.path) {
      if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return err(EEXIST);
      if (((flags & O_DIRECTORY) != 0 || end.slash) && !end.path.inode()->is_directory()) return err(ENOTDIR);
      auto opened = open_path(end.path, flags, at.credentials);
      if (opened || opened.error().value() != ESTALE || attempt >= 3) return opened;
      walk_flags |= walk_fresh;
      continue;
    }
    if ((flags & O_CREAT) == 0) return err(ENOENT);
    if (end.slash) return err(EISDIR);
    if ((flags & O_DIRECTORY) != 0) return err(EINVAL);
    TRY_VOID(check_access(end.parent, W_OK | X_OK, at.credentials));
    auto made =
        make_in(end.parent, end.name, S_IFREG | (how.mode & 07777 & ~at.umask), 0, {}, at.credentials);
    if (made) return open_checked(*made, flags & ~O_TRUNC);
    if (made.error().value() != EEXIST || (flags & O_EXCL) != 0 || attempt >= 3) return err(made.error());
  }
}

Result<Ref<File>> open_exec(const Lookup& at, std::string_view name, bool follow, bool empty_path) {
  MagicTarget t =
      TRY(walk_any(at, name, (follow ? u32{walk_follow} : 0) | (empty_path ? u32{walk_empty} : 0)));
  if (!t.path) return err(EACCES);
  if (t.path.inode()->is_symlink()) return err(ELOOP);
  if (!t.path.inode()->is_regular()) return err(EACCES);
  TRY_VOID(check_access(t.path, X_OK, at.credentials));
  // Execution needs no read permission.
  return open_checked(t.path, O_RDONLY);
}

}  // namespace quire::vfs
