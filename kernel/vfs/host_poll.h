// Readiness of host descriptors, told to a wait queue: for terminals and pipes handed to the sandbox and
// for the host's sockets.
#pragma once

#include "kernel/vfs/wait.h"

namespace quire::vfs {

/// While it lives, changes of `fd` notify its queue. One thread serves all; it starts with the first.
class HostPoll {
 public:
  explicit HostPoll(int fd);
  ~HostPoll();
  HostPoll(const HostPoll&) = delete;
  HostPoll& operator=(const HostPoll&) = delete;

  WaitQueue& queue() { return queue_; }
  /// False: the host cannot watch it (a regular file), it is always ready.
  bool watched() const { return id_ != 0; }
  /// POLL* bits that hold now.
  static u32 ready(int fd);

 private:
  friend class HostPollThread;
  const int fd_;
  u64 id_ = 0;  // 0: the host cannot watch it (a regular file): always ready
  WaitQueue queue_;
};

}  // namespace quire::vfs
