// Moving bytes between files and guest memory, and between files.
#include <linux/falloc.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/abi/restart.h"
#include "kernel/syscall/file_common.h"
#include "kernel/vfs/inotify.h"

namespace quire::syscall {
namespace {

Result<u64> read_file(Task& task, int fd, vfs::IoBuffer to, i64 offset) {
  Ref<vfs::File> file = TRY(file_at(task, fd));
  if (!file->readable()) return err(EBADF);
  if (offset >= 0 && file->path() && file->path().inode()->is_directory()) return err(EISDIR);
  std::size_t n = TRY(file->read(to, offset));
  if (n > 0 && file->path()) vfs::notify_watches(file->path(), IN_ACCESS);
  return n;
}

Result<u64> write_file(Task& task, int fd, vfs::IoBuffer from, i64 offset) {
  Ref<vfs::File> file = TRY(file_at(task, fd));
  if (!file->writable()) return err(EBADF);
  from.limit(TRY(within_file_size(task, *file, offset, from.remaining())));
  auto n = file->write(from, offset);
  if (!n) {
    if (n.error() == Errno(EPIPE)) raise_broken_pipe(task);
    return err(n.error());
  }
  if (*n > 0 && file->path()) {
    vfs::remove_privileges(*file->path().inode(), task.credentials());
    vfs::notify_watches(file->path(), IN_MODIFY);
  }
  return *n;
}

/// Offsets of the p* calls: negative ones are wrong.
Result<i64> position(u64 value) {
  i64 at = static_cast<i64>(value);
  if (at < 0) return err(EINVAL);
  return at;
}

/// preadv2's: -1 means the file's own.
Result<i64> position_or_own(u64 value) {
  if (static_cast<i64>(value) == -1) return i64{-1};
  return position(value);
}

constexpr int known_rwf = 0x1f;  // RWF_HIPRI, DSYNC, SYNC, NOWAIT, APPEND

/// Moves up to `count` bytes from one file to another through the kernel. Offsets < 0: the files' own.
/// Stops at a short read, so that pipes and terminals do not block a second time.
Result<u64> pump(Task& task, vfs::File& in, i64 in_at, vfs::File& out, i64 out_at, u64 count) {
  std::vector<std::byte> block(std::min<u64>(count, 65536));
  u64 moved = 0;
  while (moved < count) {
    std::span<std::byte> room(block.data(), std::min<u64>(block.size(), count - moved));
    vfs::IoBuffer to(room);
    auto got = in.read(to, in_at < 0 ? -1 : in_at + static_cast<i64>(moved));
    if (!got || *got == 0) {
      if (moved > 0 || got) break;
      return err(got.error());
    }
    std::size_t done = 0;
    while (done < *got) {
      vfs::IoBuffer from(std::span<const std::byte>(room.subspan(done, *got - done)));
      const i64 to_at = out_at < 0 ? -1 : out_at + static_cast<i64>(moved + done);
      const auto allowed = within_file_size(task, out, to_at, from.remaining());
      if (allowed) from.limit(*allowed);
      auto put = allowed ? out.write(from, to_at) : Result<std::size_t>(err(allowed.error()));
      if (!put) {
        if (put.error() == Errno(EPIPE)) raise_broken_pipe(task);
        // What was read but not written goes back where the source can be moved.
        if (in_at < 0) (void)in.seek(-static_cast<i64>(*got - done), SEEK_CUR);
        moved += done;
        return moved > 0 ? Result<u64>(moved) : err(put.error());
      }
      done += *put;
    }
    moved += done;
    if (*got < room.size()) break;
    if (task.interrupted()) break;
  }
  return moved;
}

/// A guest's offset argument: null means the file's own position.
struct OffsetArgument {
  i64 at = -1;
  static Result<OffsetArgument> load(Task& task, GuestAddr from) {
    if (from.value() == 0) return OffsetArgument{};
    return OffsetArgument{TRY(position(TRY(task.mm().read<u64>(from))))};
  }
  Result<> store(Task& task, GuestAddr to, u64 moved) const {
    if (to.value() == 0) return {};
    return task.mm().write(to, at + static_cast<i64>(moved));
  }
};

}  // namespace

QUIRE_SYSCALL(read) { return read_file(task, args.i(0), buffer_at(task, args.addr(1), args[2]), -1); }
QUIRE_SYSCALL(write) { return write_file(task, args.i(0), buffer_at(task, args.addr(1), args[2]), -1); }
QUIRE_SYSCALL(pread64) {
  i64 at = TRY(position(args[3]));
  return read_file(task, args.i(0), buffer_at(task, args.addr(1), args[2]), at);
}
QUIRE_SYSCALL(pwrite64) {
  i64 at = TRY(position(args[3]));
  return write_file(task, args.i(0), buffer_at(task, args.addr(1), args[2]), at);
}
QUIRE_SYSCALL(readv) { return read_file(task, args.i(0), TRY(vector_at(task, args.addr(1), args[2])), -1); }
QUIRE_SYSCALL(writev) { return write_file(task, args.i(0), TRY(vector_at(task, args.addr(1), args[2])), -1); }
QUIRE_SYSCALL(preadv) {
  i64 at = TRY(position(args[3]));
  return read_file(task, args.i(0), TRY(vector_at(task, args.addr(1), args[2])), at);
}
QUIRE_SYSCALL(pwritev) {
  i64 at = TRY(position(args[3]));
  return write_file(task, args.i(0), TRY(vector_at(task, args.addr(1), args[2])), at);
}
QUIRE_SYSCALL(preadv2) {
  i64 at = TRY(position_or_own(args[3]));
  if ((args.i(5) & ~known_rwf) != 0) return err(EOPNOTSUPP);
  return read_file(task, args.i(0), TRY(vector_at(task, args.addr(1), args[2])), at);
}
QUIRE_SYSCALL(pwritev2) {
  i64 at = TRY(position_or_own(args[3]));
  int flags = args.i(5);
  if ((flags & ~known_rwf) != 0) return err(EOPNOTSUPP);
  u64 n = TRY(write_file(task, args.i(0), TRY(vector_at(task, args.addr(1), args[2])), at));
  if ((flags & 6) != 0) TRY_VOID(TRY(file_at(task, args.i(0)))->sync((flags & 4) == 0));
  return n;
}

QUIRE_SYSCALL(lseek) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  if (args.u(2) > SEEK_HOLE) return err(EINVAL);
  return file->seek(static_cast<i64>(args[1]), args.i(2));
}

QUIRE_SYSCALL(sendfile) {
  Ref<vfs::File> out = TRY(file_at(task, args.i(0)));
  Ref<vfs::File> in = TRY(file_at(task, args.i(1)));
  if (!in->readable() || !out->writable()) return err(EBADF);
  if ((out->flags() & O_APPEND) != 0) return err(EINVAL);
  auto offset = TRY(OffsetArgument::load(task, args.addr(2)));
  u64 n = TRY(pump(task, *in, offset.at, *out, -1, std::min(args[3], max_io)));
  TRY_VOID(offset.store(task, args.addr(2), n));
  return n;
}

QUIRE_SYSCALL(copy_file_range) {
  Ref<vfs::File> in = TRY(file_at(task, args.i(0)));
  Ref<vfs::File> out = TRY(file_at(task, args.i(2)));
  if (args[5] != 0) return err(EINVAL);
  if (!in->readable() || !out->writable() || (out->flags() & O_APPEND) != 0) return err(EBADF);
  if (!in->path() || !out->path()) return err(EINVAL);
  if (in->path().inode()->is_directory() || out->path().inode()->is_directory()) return err(EISDIR);
  if (!in->path().inode()->is_regular() || !out->path().inode()->is_regular()) return err(EINVAL);
  auto from = TRY(OffsetArgument::load(task, args.addr(1)));
  auto to = TRY(OffsetArgument::load(task, args.addr(3)));
  u64 count = std::min(args[4], max_io);
  if (in->path().inode() == out->path().inode()) {
    u64 a = from.at < 0 ? in->position() : static_cast<u64>(from.at);
    u64 b = to.at < 0 ? out->position() : static_cast<u64>(to.at);
    if (a < b + count && b < a + count) return err(EINVAL);
  }
  u64 n = TRY(pump(task, *in, from.at, *out, to.at, count));
  TRY_VOID(from.store(task, args.addr(1), n));
  TRY_VOID(to.store(task, args.addr(3), n));
  return n;
}

QUIRE_SYSCALL(splice) {
  Ref<vfs::File> in = TRY(file_at(task, args.i(0)));
  Ref<vfs::File> out = TRY(file_at(task, args.i(2)));
  if ((args.u(5) & ~0xfu) != 0) return err(EINVAL);
  if (!in->readable() || !out->writable()) return err(EBADF);
  auto is_pipe = [](vfs::File& f) {
    auto a = f.attributes();
    return a && S_ISFIFO(a->mode);
  };
  bool from_pipe = is_pipe(*in), to_pipe = is_pipe(*out);
  if (!from_pipe && !to_pipe) return err(EINVAL);
  if ((from_pipe && args[1] != 0) || (to_pipe && args[3] != 0)) return err(ESPIPE);
  auto from = TRY(OffsetArgument::load(task, args.addr(1)));
  auto to = TRY(OffsetArgument::load(task, args.addr(3)));
  // What is taken out of a pipe cannot be put back: never take more than the other end surely takes.
  u64 n = TRY(pump(task, *in, from.at, *out, to.at, std::min<u64>(args[4], 65536)));
  TRY_VOID(from.store(task, args.addr(1), n));
  TRY_VOID(to.store(task, args.addr(3), n));
  return n;
}

QUIRE_SYSCALL(fsync) {
  TRY_VOID(TRY(file_at(task, args.i(0)))->sync(false));
  return 0;
}
QUIRE_SYSCALL(fdatasync) {
  TRY_VOID(TRY(file_at(task, args.i(0)))->sync(true));
  return 0;
}
QUIRE_SYSCALL(sync_file_range) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  if (static_cast<i64>(args[1]) < 0 || static_cast<i64>(args[2]) < 0 || (args.u(3) & ~7u) != 0)
    return err(EINVAL);
  if (!file->path()) return err(ESPIPE);
  TRY_VOID(file->sync(true));
  return 0;
}
QUIRE_SYSCALL(fadvise64) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  if (args.u(3) > 5) return err(EINVAL);
  if (!file->path()) return err(ESPIPE);
  return 0;  // advice only
}
QUIRE_SYSCALL(readahead) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  if (!file->readable()) return err(EBADF);
  if (!file->path() || !file->path().inode()->is_regular()) return err(EINVAL);
  return 0;
}

QUIRE_SYSCALL(ftruncate) {
  i64 size = static_cast<i64>(args[1]);
  if (size < 0) return err(EINVAL);
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  if (!file->writable()) return err(EINVAL);
  TRY_VOID(check_file_size(task, static_cast<u64>(size)));
  TRY_VOID(file->truncate(static_cast<u64>(size)));
  if (file->path()) {
    vfs::remove_privileges(*file->path().inode(), task.credentials());
    vfs::notify_watches(file->path(), IN_MODIFY);
  }
  return 0;
}

QUIRE_SYSCALL(fallocate) {
  i64 offset = static_cast<i64>(args[2]), length = static_cast<i64>(args[3]);
  if (offset < 0 || length <= 0) return err(EINVAL);
  if (offset > INT64_MAX - length) return err(EFBIG);
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  if (!file->writable()) return err(EBADF);
  if (!file->path()) return err(ESPIPE);
  if (file->path().inode()->is_directory()) return err(EISDIR);
  TRY_VOID(check_file_size(task, static_cast<u64>(offset + length)));
  TRY_VOID(file->allocate(args.i(1), static_cast<u64>(offset), static_cast<u64>(length)));
  vfs::notify_watches(file->path(), IN_MODIFY);
  return 0;
}

QUIRE_SYSCALL(ioctl) {
  Ref<vfs::File> file = TRY(file_at(task, args.i(0)));
  switch (args.u(1)) {
    case FIOCLEX:
    case FIONCLEX:
      TRY_VOID(task.fds().set_cloexec(args.i(0), args.u(1) == FIOCLEX));
      return 0;
    case FIONBIO: {
      i32 on = TRY(task.mm().read<i32>(args.addr(2)));
      int flags = file->flags();
      file->set_flags(on != 0 ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
      return 0;
    }
    case FIOASYNC:
      return 0;
    default:
      return file->ioctl(task.mm(), args.u(1), args[2]);
  }
}

}  // namespace quire::syscall
