// The address spaces whose stubs hold pages of their own, and the thread that copies such pages home.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/lock.h"
#include "base/ref.h"
#include "kernel/abi/lock_order.h"
#include "kernel/abi/types.h"

namespace quire::mm {

class AddressSpaceImpl;

/// Knows every address space that has left memory to the host's own copy-on-write. Whenever an address space
/// ends, the blocks that it shared may be another's alone: then what those have in their stubs is copied
/// home. The thread exists from the first such address space on, and sleeps while there is nothing to do.
class PrivateSpaces {
 public:
  explicit PrivateSpaces(bool copy_home) : copy_home_(copy_home) {}
  PrivateSpaces(const PrivateSpaces&) = delete;
  PrivateSpaces& operator=(const PrivateSpaces&) = delete;

  void join(AddressSpaceImpl* space);
  /// By the end of every address space, first thing.
  void leave(AddressSpaceImpl* space);
  /// An address space has ended.
  void wake();
  /// Guests write to what is left to the host.
  void stir() {
    if (!stirred_.exchange(true)) wake();
  }
  /// Bytes that only stubs have.
  u64 bytes() const;
  /// The thread ends, after the few windows that it is at, and is not started again.
  void stop();
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  /// For tests: returns when the thread holds no address space alive.
  void wait_idle();

 private:
  std::vector<Ref<AddressSpaceImpl>> all() const;
  void work(const std::stop_token& stop);

  const bool copy_home_;
  mutable Mutex<locks::private_spaces> lock_;
  std::set<AddressSpaceImpl*> spaces_ GUARDED_BY(lock_);
  std::atomic<bool> any_{false}, stirred_{false}, stopping_{false};
  std::mutex wake_mutex_;
  std::condition_variable_any wake_;
  u64 wakes_ = 0;         // under wake_mutex_
  bool working_ = false;  // under wake_mutex_
  std::jthread thread_;   // last: it uses the rest
};

}  // namespace quire::mm
