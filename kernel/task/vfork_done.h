// What a vfork parent waits for: the child lets go of the shared address space.
#pragma once

#include <atomic>

#include "base/ref.h"
#include "kernel/vfs/wait.h"

namespace quire::task {

class VforkDone : public RefCounted {
 public:
  void set() {
    done_.store(true, std::memory_order_release);
    queue_.notify();
  }
  /// Sleeps until set(), or until the waiting task is killed.
  void wait() {
    vfs::WaitEntry entry(queue_, vfs::Waiter::current());
    while (!done_.load(std::memory_order_acquire))
      if (!vfs::Waiter::current().sleep_killable()) return;
  }

 private:
  std::atomic<bool> done_{false};
  vfs::WaitQueue queue_;
};

}  // namespace quire::task
