// Pipes and FIFOs.
#pragma once

#include <memory>
#include <utility>

#include "kernel/vfs/file.h"

namespace quire::fs::pipe {

inline constexpr std::size_t default_capacity = 65536;
inline constexpr std::size_t max_capacity = 1u << 20;
inline constexpr std::size_t atomic_write = 4096;  // PIPE_BUF

/// The buffer between the ends, and how many of them there are. Data is copied under the lock, straight
/// between guest memory and the ring.
class Pipe : public RefCounted {
 public:
  Pipe() = default;

  Result<std::size_t> read(vfs::IoBuffer& to, bool nonblocking);
  /// EPIPE without readers. Writes of up to PIPE_BUF bytes are not split.
  Result<std::size_t> write(vfs::IoBuffer& from, bool nonblocking);
  /// Waits for data and copies it without taking it away (tee).
  Result<std::size_t> peek(vfs::IoBuffer& to, bool nonblocking);
  std::size_t available();

  void open_end(bool reads, bool writes);
  void close_end(bool reads, bool writes);
  bool has_readers();
  bool has_writers();
  /// Blocks a FIFO's open until the other end was opened (also if it has gone since).
  Result<> wait_for_other_end(bool i_read);

  u32 poll(bool reads, bool writes);
  Result<std::size_t> set_capacity(std::size_t bytes);
  std::size_t capacity();
  vfs::WaitQueue& queue() { return queue_; }

 private:
  /// Sleeps once; `entry` is made the first time round (and then the caller looks again).
  Result<> wait(std::optional<vfs::WaitEntry>& entry, u32 events);
  Result<std::size_t> take(vfs::IoBuffer& to) REQUIRES(lock_);
  Result<std::size_t> put(vfs::IoBuffer& from, std::size_t max) REQUIRES(lock_);

  Mutex<locks::pipe> lock_;
  std::unique_ptr<std::byte[]> ring_ GUARDED_BY(lock_);
  std::size_t capacity_ GUARDED_BY(lock_) = default_capacity;
  std::size_t first_ GUARDED_BY(lock_) = 0, size_ GUARDED_BY(lock_) = 0;
  u32 readers_ GUARDED_BY(lock_) = 0, writers_ GUARDED_BY(lock_) = 0;
  u64 reader_opens_ GUARDED_BY(lock_) = 0, writer_opens_ GUARDED_BY(lock_) = 0;
  vfs::WaitQueue queue_;
};

/// One end (or, for a FIFO opened O_RDWR, both).
class PipeFile final : public vfs::File {
 public:
  PipeFile(Ref<Pipe> pipe, int flags);
  ~PipeFile() override;

  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override;
  Result<std::size_t> peek(vfs::IoBuffer& to) override { return pipe_->peek(to, nonblocking()); }
  Result<u64> ioctl(mm::AddressSpace& mm, u32 command, u64 argument) override;
  Result<u64> control(int command, u64 argument) override;
  u32 poll() override;
  vfs::WaitQueue* wait_queue() override { return &pipe_->queue(); }
  Result<> sync(bool) override { return err(EINVAL); }
  Result<Ref<vfs::File>> reopen(int flags) override;
  std::string describe() override { return path_description(); }
  Pipe& pipe() { return *pipe_; }

 private:
  const Ref<Pipe> pipe_;
};

/// pipe2(2): the reading and the writing end. `flags`: O_NONBLOCK, O_CLOEXEC ignored.
std::pair<Ref<vfs::File>, Ref<vfs::File>> create_pipe(int flags, u32 uid, u32 gid);
/// Opens a FIFO: vfs::set_fifo_opener's argument.
Result<Ref<vfs::File>> open_fifo(vfs::Inode& node, int flags);

}  // namespace quire::fs::pipe
