// eventfd(2).
#pragma once

#include "kernel/vfs/file.h"

namespace quire::vfs {

class EventFd final : public File {
 public:
  EventFd(u64 count, bool semaphore, int flags) : File(flags), count_(count), semaphore_(semaphore) {}

  Result<std::size_t> read(IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(IoBuffer& from, i64 offset) override;
  u32 poll() override;
  WaitQueue* wait_queue() override { return &queue_; }
  std::string describe() override { return "anon_inode:[eventfd]"; }
  u64 count() const;

 private:
  static constexpr u64 max_count = ~u64{0} - 1;
  mutable Mutex<locks::pipe> lock_;
  u64 count_ GUARDED_BY(lock_);
  const bool semaphore_;
  WaitQueue queue_;
};

}  // namespace quire::vfs
