// The lock of an address space: one lock, or readers beside each other, as the policy says.
#pragma once

#include <condition_variable>
#include <mutex>

#include "base/lock.h"
#include "kernel/abi/lock_order.h"
#include "kernel/mm/memory_manager.h"

namespace quire::mm {

/// Readers (faults, copies) beside each other, writers (changes of areas, fork) alone. A waiting writer
/// keeps new readers out, so that writers are not starved. With Policy::Lock::mutex readers exclude
/// each other too.
class CAPABILITY("shared_mutex") MmLock {
 public:
  explicit MmLock(Policy::Lock mode) : alone_(mode == Policy::Lock::mutex) {}
  MmLock(const MmLock&) = delete;
  MmLock& operator=(const MmLock&) = delete;

  void lock() ACQUIRE() {
    QUIRE_LOCK_ACQUIRED(locks::address_space, this);
    writers_.lock();
    readers_.lock();
  }
  void unlock() RELEASE() {
    readers_.unlock();
    writers_.unlock();
    QUIRE_LOCK_RELEASED(locks::address_space, this);
  }
  void lock_shared() ACQUIRE_SHARED() {
    if (alone_) {
      QUIRE_LOCK_ACQUIRED(locks::address_space, this);
      writers_.lock();
      return;
    }
    QUIRE_LOCK_ACQUIRED(locks::address_space, this);
    writers_.lock();
    readers_.lock_shared();
    writers_.unlock();
  }
  void unlock_shared() RELEASE_SHARED() {
    if (alone_)
      writers_.unlock();
    else
      readers_.unlock_shared();
    QUIRE_LOCK_RELEASED(locks::address_space, this);
  }

 private:
  const bool alone_;
  std::mutex writers_;  // held by a writer, and for a moment by each reader that comes in
  std::shared_mutex readers_;
};

}  // namespace quire::mm
