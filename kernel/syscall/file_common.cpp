#include "kernel/syscall/file_common.h"

#include <signal.h>
#include <sys/uio.h>

#include <algorithm>

namespace quire::syscall {

Result<Ref<vfs::File>> file_at(Task& task, int fd) {
  Ref<vfs::File> file = TRY(task.fds().get(fd));
  if (file->path_only()) return err(EBADF);
  return file;
}

Result<std::string> path_in(Task& task, GuestAddr at) { return task.mm().copy_in_string(at, PATH_MAX); }

vfs::IoBuffer buffer_at(Task& task, GuestAddr base, u64 length) {
  return {task.mm(), {{base, std::min(length, max_io)}}};
}

Result<vfs::IoBuffer> vector_at(Task& task, GuestAddr array, u64 count) {
  if (count > IOV_MAX) return err(EINVAL);
  std::vector<iovec> raw(count);
  if (count > 0) TRY_VOID(task.mm().copy_in(raw.data(), array, count * sizeof(iovec)));
  std::vector<vfs::GuestIoVec> pieces;
  pieces.reserve(count);
  u64 total = 0;
  for (const iovec& v : raw) {
    if (v.iov_len > static_cast<u64>(SSIZE_MAX)) return err(EINVAL);
    u64 n = std::min<u64>(v.iov_len, max_io - total);
    total += n;
    pieces.push_back({GuestAddr(reinterpret_cast<u64>(v.iov_base)), n});
  }
  return vfs::IoBuffer(task.mm(), std::move(pieces));
}

Result<u64> install(Task& task, Ref<vfs::File> file, bool cloexec, int from) {
  return static_cast<u64>(
      TRY(task.fds().install(std::move(file), cloexec, task.process().limit(RLIMIT_NOFILE).rlim_cur, from)));
}

namespace {
void raise(Task& task, int signo) {
  siginfo_t info{};
  info.si_signo = signo;
  info.si_code = SI_USER;
  info.si_pid = task.pid();
  info.si_uid = task.credentials().uid;
  task.process().send_to(task, info);
}
}  // namespace

void raise_broken_pipe(Task& task) { raise(task, SIGPIPE); }

Result<> check_file_size(Task& task, u64 size) {
  if (size <= task.process().limit(RLIMIT_FSIZE).rlim_cur) return {};
  raise(task, SIGXFSZ);
  return err(EFBIG);
}

Result<u64> within_file_size(Task& task, vfs::File& file, i64 offset, u64 length) {
  const u64 most = task.process().limit(RLIMIT_FSIZE).rlim_cur;
  if (most == RLIM_INFINITY || length == 0) return length;
  const vfs::Attributes a = TRY(file.attributes());
  if ((a.mode & S_IFMT) != S_IFREG) return length;
  u64 at = static_cast<u64>(offset);
  if ((file.flags() & O_APPEND) != 0)
    at = a.size;
  else if (offset < 0)
    at = TRY(file.seek(0, SEEK_CUR));
  TRY_VOID(check_file_size(task, at + 1));
  return std::min(length, most - at);
}

Result<vfs::MagicTarget> object_at(Task& task, int dirfd, GuestAddr path, int flags) {
  std::string name;
  // A null path with AT_EMPTY_PATH is the same as an empty one (Linux 6.11).
  if (path.value() != 0 || (flags & AT_EMPTY_PATH) == 0) name = TRY(path_in(task, path));
  if (name.empty()) {
    if ((flags & AT_EMPTY_PATH) == 0) return err(ENOENT);
    if (dirfd == AT_FDCWD) return vfs::MagicTarget{task.fs().cwd(), {}};
    Ref<vfs::File> file = TRY(task.fds().get(dirfd));
    // What has a path is handled by its path, all else by the open file.
    return file->path() ? vfs::MagicTarget{file->path(), file} : vfs::MagicTarget{{}, file};
  }
  vfs::Lookup at = TRY(lookup_at(task, dirfd, name));
  return vfs::walk_any(at, name, (flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0u : u32{vfs::walk_follow});
}

}  // namespace quire::syscall
