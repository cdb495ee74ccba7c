// An open file description, shared by dup and fork; concrete file systems derive from it.
#pragma once

#include <fcntl.h>
#include <atomic>
#include <string>

#include "base/ref.h"
#include "kernel/abi/lock_order.h"
#include "kernel/mm/memory_object.h"
#include "kernel/vfs/credentials.h"
#include "kernel/vfs/io.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/wait.h"

namespace quire::vfs {

/// Receives directory entries; false: the buffer is full, stop before this one.
class DirSink {
 public:
  virtual ~DirSink() = default;
  /// `next` is the position after this entry (d_off).
  virtual bool add(const std::string& name, u64 inode, u8 type, u64 next) = 0;
};

/// What mmap of a file gets.
struct Mappable {
  Ref<mm::MemoryObject> object;      // null: anonymous memory
  u64 offset = 0;                    // where in the object the requested file offset lies
  Access max_shared = Access::none;  // what a shared mapping may have
  Access max_private = Access::none;
};

/// Blocking calls sleep on Waiter::current() unless nonblocking(); errno as the man pages say, plus
/// the restart codes of abi/restart.h. Offsets: `offset` < 0 means the file's own position (then the
/// implementation takes position_lock for seekable files).
class File : public RefCounted {
 public:
  ~File() override;
  virtual Result<std::size_t> read(IoBuffer& to, i64 offset = -1);  // EINVAL by default
  virtual Result<std::size_t> write(IoBuffer& from, i64 offset = -1);
  /// Copies what read() would give without taking it (tee): pipes. EINVAL.
  virtual Result<std::size_t> peek(IoBuffer& to);
  virtual Result<u64> seek(i64 offset, int whence);  // ESPIPE
  virtual Result<> read_directory(DirSink& sink);    // ENOTDIR
  /// The guest argument is an address in `mm` or a plain number. ENOTTY.
  virtual Result<u64> ioctl(mm::AddressSpace& mm, u32 command, u64 argument);
  /// POLL* bits that hold now. Changes are told to wait_queue().
  virtual u32 poll();
  virtual WaitQueue* wait_queue() { return nullptr; }                                // null: always ready
  virtual Result<Mappable> map(u64 offset, u64 length, Access access, bool shared);  // ENODEV
  virtual Result<> sync(bool data_only);
  virtual Result<> truncate(u64 size);
  virtual Result<> allocate(int mode, u64 offset, u64 length);  // EOPNOTSUPP
  virtual Result<struct stat> stat();
  /// As stat(), with all that statx tells.
  virtual Result<Attributes> attributes();
  virtual Result<struct statfs> statfs();
  /// fchmod, fchown, futimens; permitted already. EINVAL, or the inode's.
  virtual Result<> set_attributes(const AttributeChange& change);
  /// F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS; EINVAL (EBADF for pipe sizes).
  virtual Result<u64> control(int command, u64 argument);
  /// Another description of what /proc/PID/fd/N names, when it has no path. ENXIO. Never wider.
  virtual Result<Ref<File>> reopen(int flags);
  /// Called when a descriptor for it is closed (flush), and last when the description goes (dtor).
  virtual Result<> flush() { return {}; }
  /// The inode it was opened from; null for pipes' ends without one, sockets, eventfds...
  virtual Inode* inode() { return path_.inode(); }
  /// What /proc/PID/fd/N and maps show ("pipe:[17]", "/etc/passwd").
  virtual std::string describe() = 0;
  /// A host descriptor that behaves like this file (pass-through stdio, host files), or -1.
  virtual int host_fd() const { return -1; }

  int flags() const { return flags_.load(std::memory_order_relaxed); }  // O_* as F_GETFL
  void set_flags(int f) { flags_.store(f, std::memory_order_relaxed); }
  bool nonblocking() const { return (flags() & 04000) != 0; }
  bool readable() const { return (flags() & 3) != 1 && !path_only(); }
  bool writable() const { return (flags() & 3) != 0 && !path_only(); }
  bool path_only() const { return (flags() & O_PATH) != 0; }

  /// Where it was opened; empty for what has no path. Set once, before the file is shared.
  const Path& path() const { return path_; }
  void set_path(Path path) { path_ = std::move(path); }
  /// The name for describe() of files with a path, as seen from the sandbox's root.
  std::string path_description() const;
  /// The file position, for /proc/PID/fdinfo.
  u64 position();

  /// epoll watches it: tell it when the file goes.
  void set_watched() { watched_.store(true, std::memory_order_release); }

  /// F_SETOWN and F_SETSIG: who gets SIGIO. Negative: a process group.
  std::atomic<int> owner_pid{0};
  std::atomic<int> owner_signal{0};

 protected:
  explicit File(int flags) : flags_(flags) {}
  Mutex<locks::file_position> position_lock_;
  u64 position_ GUARDED_BY(position_lock_) = 0;

 private:
  std::atomic<int> flags_;
  std::atomic<bool> watched_{false};
  Path path_;
};

/// A descriptor opened with O_PATH: names a place, does nothing.
class PathFile final : public File {
 public:
  explicit PathFile(int flags) : File(flags) {}
  std::string describe() override { return path_description(); }
};

}  // namespace quire::vfs
