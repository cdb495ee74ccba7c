// What the handlers on files share.
#pragma once

#include <limits.h>

#include "kernel/syscall/handlers_file.h"
#include "kernel/syscall/support.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/operations.h"

namespace quire::syscall {

inline constexpr u64 max_io = 0x7ffff000;  // MAX_RW_COUNT: what one call moves at most

/// An open file for input and output: EBADF also for O_PATH descriptors.
Result<Ref<vfs::File>> file_at(Task& task, int fd);
/// A path name of at most PATH_MAX bytes. EFAULT, ENAMETOOLONG.
Result<std::string> path_in(Task& task, GuestAddr at);
/// Guest memory of one buffer; the length is cut to what one call moves.
vfs::IoBuffer buffer_at(Task& task, GuestAddr base, u64 length);
/// An array of struct iovec. EINVAL for too many or a total over SSIZE_MAX.
Result<vfs::IoBuffer> vector_at(Task& task, GuestAddr array, u64 count);
/// Installs a descriptor within RLIMIT_NOFILE. EMFILE.
Result<u64> install(Task& task, Ref<vfs::File> file, bool cloexec, int from = 0);

/// How much of a write of `length` bytes to `file` RLIMIT_FSIZE lets through; `offset` < 0 means the file's
/// own position. SIGXFSZ and EFBIG when nothing.
Result<u64> within_file_size(Task& task, vfs::File& file, i64 offset, u64 length);
/// The same for making a file `size` bytes long.
Result<> check_file_size(Task& task, u64 size);

/// SIGPIPE for the calling thread: it wrote where nobody reads any more.
void raise_broken_pipe(Task& task);

/// What a path names, or with an empty path and AT_EMPTY_PATH in `flags` what the descriptor does.
/// AT_SYMLINK_NOFOLLOW in `flags` keeps a last symbolic link.
Result<vfs::MagicTarget> object_at(Task& task, int dirfd, GuestAddr path, int flags);

}  // namespace quire::syscall
