// Opening files, and what is done to descriptors.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <unistd.h>

#include "kernel/syscall/file_common.h"
#include "kernel/vfs/file_locks.h"

namespace quire::syscall {
namespace {

Result<u64> open_file(Task& task, int dirfd, GuestAddr path_at, const vfs::OpenHow& how) {
  std::string path = TRY(path_in(task, path_at));
  vfs::Lookup at = TRY(lookup_at(task, dirfd, path));
  Ref<vfs::File> file = TRY(vfs::open(at, path, how));
  return install(task, std::move(file), (how.flags & O_CLOEXEC) != 0);
}

/// open and openat ignore what they do not know, as Linux does.
constexpr int known_open_flags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |
                                 O_DSYNC | O_ASYNC | O_DIRECT | 0100000 | O_DIRECTORY | O_NOFOLLOW |
                                 O_NOATIME | O_CLOEXEC | O_SYNC | O_PATH | O_TMPFILE;

vfs::OpenHow open_how(int flags, u32 mode) {
  return {.flags = flags & known_open_flags, .mode = mode & 07777, .walk = 0};
}

u32 walk_of_resolve(u64 resolve) {
  u32 walk = 0;
  if ((resolve & RESOLVE_NO_XDEV) != 0) walk |= vfs::walk_no_xdev;
  if ((resolve & RESOLVE_NO_MAGICLINKS) != 0) walk |= vfs::walk_no_magic;
  if ((resolve & RESOLVE_NO_SYMLINKS) != 0) walk |= vfs::walk_no_symlinks;
  if ((resolve & RESOLVE_BENEATH) != 0) walk |= vfs::walk_beneath;
  if ((resolve & RESOLVE_IN_ROOT) != 0) walk |= vfs::walk_in_root;
  return walk;
}

/// The range of a struct flock in absolute bytes.
Result<Range<u64>> lock_range(vfs::File& file, const struct flock& l) {
  i64 base = 0;
  if (l.l_whence == SEEK_CUR)
    base = static_cast<i64>(file.position());
  else if (l.l_whence == SEEK_END)
    base = static_cast<i64>(TRY(file.attributes()).size);
  else if (l.l_whence != SEEK_SET)
    return err(EINVAL);
  i64 begin, end;
  if (__builtin_add_overflow(base, l.l_start, &begin)) return err(EOVERFLOW);
  if (l.l_len == 0)
    return begin < 0 ? Result<Range<u64>>(err(EINVAL)) : Range<u64>{static_cast<u64>(begin), ~u64{0}};
  if (__builtin_add_overflow(begin, l.l_len, &end)) return err(EOVERFLOW);
  if (end < begin) std::swap(begin, end);
  if (begin < 0) return err(EINVAL);
  return Range<u64>{static_cast<u64>(begin), static_cast<u64>(end)};
}

/// fcntl's record locks: of the process, or (open) of the open file description.
Result<u64> record_lock(Task& task, vfs::File& file, int command, GuestAddr at) {
  bool open = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
  auto l = TRY(task.mm().read<struct flock>(at));
  vfs::Inode* inode = file.inode();
  if (inode == nullptr) return err(EINVAL);
  if (open && l.l_pid != 0) return err(EINVAL);
  Range<u64> range = TRY(lock_range(file, l));
  vfs::FileLocks::Record record{.owner = open ? static_cast<const void*>(&file) : &task.fds(),
                                .pid = open ? -1 : task.pid(),
                                .exclusive = l.l_type == F_WRLCK,
                                .begin = range.begin,
                                .end = range.end};
  if (command == F_GETLK || command == F_OFD_GETLK) {
    if (l.l_type != F_RDLCK && l.l_type != F_WRLCK) return err(EINVAL);
    auto in_the_way = inode->file_locks().conflict(record);
    l.l_type = F_UNLCK;
    if (in_the_way) {
      l.l_type = in_the_way->exclusive ? F_WRLCK : F_RDLCK;
      l.l_whence = SEEK_SET;
      l.l_start = static_cast<i64>(in_the_way->begin);
      l.l_len = in_the_way->end == ~u64{0} ? 0 : static_cast<i64>(in_the_way->end - in_the_way->begin);
      l.l_pid = in_the_way->pid;
    }
    TRY_VOID(task.mm().write(at, l));
    return 0;
  }
  if (l.l_type == F_RDLCK && !file.readable()) return err(EBADF);
  if (l.l_type == F_WRLCK && !file.writable()) return err(EBADF);
  if (l.l_type != F_RDLCK && l.l_type != F_WRLCK && l.l_type != F_UNLCK) return err(EINVAL);
  TRY_VOID(
      inode->file_locks().set(record, l.l_type == F_UNLCK, command == F_SETLKW || command == F_OFD_SETLKW));
  return 0;
}

}  // namespace

QUIRE_SYSCALL(open) { return open_file(task, AT_FDCWD, args.addr(0), open_how(args.i(1), args.u(2))); }
QUIRE_SYSCALL(openat) { return open_file(task, args.i(0), args.addr(1), open_how(args.i(2), args.u(3))); }
QUIRE_SYSCALL(creat) {
  return open_file(task, AT_FDCWD, args.addr(0), open_how(O_CREAT | O_WRONLY | O_TRUNC, args.u(1)));
}
QUIRE_SYSCALL(openat2) {
  if (args[3] < sizeof(struct open_how)) return err(EINVAL);
  if (args[3] > page_size) return err(E2BIG);
  auto how = TRY(task.mm().read<struct open_how>(args.addr(2)));
  // A newer, longer structure must end in zeros.
  std::vector<u8> rest(args[3] - sizeof how);
  if (!rest.empty()) TRY_VOID(task.mm().copy_in(rest.data(), args.addr(2) + sizeof how, rest.size()));
  for (u8 b : rest)
    if (b != 0) return err(E2BIG);
  constexpr u64 known_resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
                                RESOLVE_BENEATH | RESOLVE_IN_ROOT | 0x20 /* RESOLVE_CACHED */;
  if ((how.flags & ~u64{static_cast<u32>(known_open_flags)}) != 0 || (how.resolve & ~known_resolve) != 0 ||
      (how.mode & ~u64{07777}) != 0)
    return err(EINVAL);
  if ((how.resolve & RESOLVE_BENEATH) != 0 && (how.resolve & RESOLVE_IN_ROOT) != 0) return err(EINVAL);
  if (how.mode != 0 && (how.flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) == 0) return err(EINVAL);
  return open_file(task, args.i(0), args.addr(1),
                   {.flags = static_cast<int>(how.flags),
                    .mode = static_cast<u32>(how.mode),
                    .walk = walk_of_resolve(how.resolve)});
}

QUIRE_SYSCALL(close) {
  TRY_VOID(task.fds().close(args.i(0)));
  return 0;
}

QUIRE_SYSCALL(close_range) {
  u32 first = args.u(0), last = args.u(1), flags = args.u(2);
  if (first > last || (flags & ~u32{CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC}) != 0) return err(EINVAL);
  if ((flags & CLOSE_RANGE_UNSHARE) != 0) task.set_fds(task.fds().copy());
  task.fds().close_range(first, last, (flags & CLOSE_RANGE_CLOEXEC) != 0);
  return 0;
}

QUIRE_SYSCALL(dup) { return install(task, TRY(task.fds().get(args.i(0))), false); }

QUIRE_SYSCALL(dup2) {
  Ref<vfs::File> file = TRY(task.fds().get(args.i(0)));
  if (args.i(0) == args.i(1)) return static_cast<u64>(args.i(1));
  return static_cast<u64>(TRY(task.fds().install_at(args.i(1), std::move(file), false,
                                                    task.process().limit(RLIMIT_NOFILE).rlim_cur)));
}

QUIRE_SYSCALL(dup3) {
  if ((args.i(2) & ~O_CLOEXEC) != 0 || args.i(0) == args.i(1)) return err(EINVAL);
  Ref<vfs::File> file = TRY(task.fds().get(args.i(0)));
  return static_cast<u64>(TRY(task.fds().install_at(args.i(1), std::move(file), (args.i(2) & O_CLOEXEC) != 0,
                                                    task.process().limit(RLIMIT_NOFILE).rlim_cur)));
}

QUIRE_SYSCALL(fcntl) {
  Ref<vfs::File> file = TRY(task.fds().get(args.i(0)));
  int command = args.i(1);
  if (file->path_only() && command != F_DUPFD && command != F_DUPFD_CLOEXEC && command != F_GETFD &&
      command != F_SETFD && command != F_GETFL)
    return err(EBADF);
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      if (args.i(2) < 0 || static_cast<u64>(args.i(2)) >= task.process().limit(RLIMIT_NOFILE).rlim_cur)
        return err(EINVAL);
      return install(task, std::move(file), command == F_DUPFD_CLOEXEC, args.i(2));
    }
    case F_GETFD:
      return TRY(task.fds().cloexec(args.i(0))) ? FD_CLOEXEC : 0;
    case F_SETFD:
      TRY_VOID(task.fds().set_cloexec(args.i(0), (args.i(2) & FD_CLOEXEC) != 0));
      return 0;
    case F_GETFL:
      return static_cast<u64>(file->flags() & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)) | 0100000;
    case F_SETFL: {
      constexpr int settable = O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK;
      file->set_flags((file->flags() & ~settable) | (args.i(2) & settable));
      return 0;
    }
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
      return record_lock(task, *file, command, args.addr(2));
    case F_SETOWN:
      file->owner_pid = args.i(2);
      return 0;
    case F_GETOWN:
      return static_cast<u64>(static_cast<i64>(file->owner_pid.load()));
    case F_SETSIG:
      if (args.i(2) < 0 || args.i(2) > 64) return err(EINVAL);
      file->owner_signal = args.i(2);
      return 0;
    case F_GETSIG:
      return static_cast<u64>(file->owner_signal.load());
    case F_SETOWN_EX: {
      auto owner = TRY(task.mm().read<f_owner_ex>(args.addr(2)));
      if (owner.type < F_OWNER_TID || owner.type > F_OWNER_PGRP) return err(EINVAL);
      file->owner_pid = owner.type == F_OWNER_PGRP ? -owner.pid : owner.pid;
      return 0;
    }
    case F_GETOWN_EX: {
      int pid = file->owner_pid;
      f_owner_ex owner{pid < 0 ? F_OWNER_PGRP : F_OWNER_PID, pid < 0 ? -pid : pid};
      TRY_VOID(task.mm().write(args.addr(2), owner));
      return 0;
    }
    case F_SETLEASE:
    case F_NOTIFY:
      return err(EINVAL);
    case F_GETLEASE:
      return F_UNLCK;
    default:
      return file->control(command, args[2]);
  }
}

QUIRE_SYSCALL(flock) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  vfs::Inode* inode = file->inode();
  int kind;
  switch (args.i(1) & ~LOCK_NB) {
    case LOCK_UN:
      kind = 0;
      break;
    case LOCK_SH:
      kind = 1;
      break;
    case LOCK_EX:
      kind = 2;
      break;
    default:
      return err(EINVAL);
  }
  if (inode == nullptr) return err(EBADF);
  TRY_VOID(inode->file_locks().set_whole(file.get(), kind, (args.i(1) & LOCK_NB) == 0));
  return 0;
}

}  // namespace quire::syscall
