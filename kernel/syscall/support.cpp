#include "kernel/syscall/support.h"

#include <fcntl.h>

#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/fs_context.h"

namespace quire::syscall {

Result<vfs::Lookup> lookup_at(task::Task& task, int dirfd, const std::string& path) {
  vfs::Lookup at{task.fs().root(), {}, task.credentials(), task.fs().umask()};
  if (dirfd == AT_FDCWD || (!path.empty() && path.front() == '/')) {
    at.start = task.fs().cwd();
    return at;
  }
  Ref<vfs::File> file = TRY(task.fds().get(dirfd));
  at.start = file->path();
  if (!at.start) return err(path.empty() ? EACCES : ENOTDIR);
  if (!path.empty() && !at.start.inode()->is_directory()) return err(ENOTDIR);
  return at;
}

bool may_inspect(task::Task& task, task::Task& other) {
  if (&task.process() == &other.process()) return true;
  const vfs::Credentials& self = task.credentials();
  if (self.capable(cap_sys_ptrace)) return true;
  const Ref<const vfs::Credentials> its = other.credentials_snapshot();
  return its && self.uid == its->uid && self.uid == its->euid && self.uid == its->suid &&
         self.gid == its->gid && self.gid == its->egid && self.gid == its->sgid &&
         other.process().dumpable.load();
}

}  // namespace quire::syscall
