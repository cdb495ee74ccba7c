// File descriptors of a process.
#pragma once

#include <functional>
#include <vector>

#include "kernel/vfs/file.h"

namespace quire::vfs {

/// Descriptor -> file. Shared by threads (CLONE_FILES), else copied at fork. `limit` is the caller's
/// RLIMIT_NOFILE (soft).
class FdTable : public RefCounted {
 public:
  FdTable() = default;
  ~FdTable() override;
  /// A copy of its own, for fork and unshare: the same files.
  Ref<FdTable> copy() const;

  /// EBADF.
  Result<Ref<File>> get(int fd) const;
  /// The lowest free descriptor >= from; EMFILE.
  Result<int> install(Ref<File> file, bool cloexec, u64 limit, int from = 0);
  /// dup2/dup3: puts `file` at `fd`, closing what was there. EBADF beyond the limit.
  Result<int> install_at(int fd, Ref<File> file, bool cloexec, u64 limit);
  /// Closes; the result is flush()'s. `owner` is whose POSIX locks on the file end (this table).
  Result<> close(int fd);
  /// close_range(2), ends included; `cloexec` only marks.
  void close_range(u32 first, u32 last, bool cloexec);
  /// At exec: closes those marked.
  void close_on_exec();
  /// At exit.
  void close_all();

  Result<bool> cloexec(int fd) const;
  Result<> set_cloexec(int fd, bool on);

  struct Entry {
    int fd;
    Ref<File> file;
    bool cloexec;
  };
  /// All open descriptors, ascending.
  std::vector<Entry> list() const;
  /// Size of the table, for /proc/PID/status FDSize.
  std::size_t capacity() const;

 private:
  struct Slot {
    Ref<File> file;
    bool cloexec = false;
  };
  Result<> finish_close(Ref<File> file);

  mutable SharedMutex<locks::fd_table> lock_;
  std::vector<Slot> slots_ GUARDED_BY(lock_);
  std::size_t lowest_free_ GUARDED_BY(lock_) = 0;  // none is free below it
};

}  // namespace quire::vfs
