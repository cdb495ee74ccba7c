// Record locks (fcntl: of a process, or of an open file description) and whole-file locks (flock).
#pragma once

#include <list>

#include "kernel/vfs/wait.h"

namespace quire::vfs {

/// The locks on one inode. The owner of a POSIX lock is the process's FdTable, of the others the File.
class FileLocks {
 public:
  struct Record {
    const void* owner = nullptr;
    int pid = 0;  // for F_GETLK; -1 for an open file description's
    bool exclusive = false;
    u64 begin = 0, end = 0;  // [begin, end); end ~0: to infinity
  };

  /// Sets, converts or (unlock) removes. Waits for conflicting locks if `wait`, else EAGAIN. EDEADLK when
  /// waiting would close a circle of processes. May return abi::restart_sys.
  Result<> set(const Record& lock, bool unlock, bool wait);
  /// The first lock in the way of `lock`, if any (F_GETLK).
  std::optional<Record> conflict(const Record& lock) const;
  /// flock(2): kind 0 unlock, 1 shared, 2 exclusive. EWOULDBLOCK when not waiting.
  Result<> set_whole(const void* owner, int kind, bool wait);
  /// All POSIX locks of a process end (it closed some descriptor of the file).
  void release_posix(const void* owner);
  /// All locks of an open file description end with it.
  void release_file(const void* owner);

 private:
  struct Whole {
    const void* owner;
    bool exclusive;
  };
  const Record* find_conflict(const Record& lock) const REQUIRES(lock_);

  mutable Mutex<locks::file_locks> lock_;
  std::list<Record> records_ GUARDED_BY(lock_);
  std::list<Whole> whole_ GUARDED_BY(lock_);
  WaitQueue changed_;
};

}  // namespace quire::vfs
