// The lock of an address space: one lock, or readers beside each other, as the policy says.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/lock.h"
#include "kernel/abi/lock_order.h"
#include "kernel/mm/memory_manager.h"

namespace quire::mm {

#if defined(QUIRE_PLAIN_MM_LOCK)

/// What bench faults compares with: a mutex and nothing else.
class CAPABILITY("shared_mutex") MmLock {
 public:
  MmLock(Policy::Lock, std::atomic<u64>&) {}
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  void lock_shared() ACQUIRE_SHARED() { mutex_.lock(); }
  void unlock_shared() RELEASE_SHARED() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

#else

/// Readers (faults, copies) beside each other, writers (changes of areas, fork) alone. A waiting writer
/// keeps new readers out, so that writers are not starved. With Policy::Lock::mutex readers exclude
/// each other too; with Policy::Lock::vma faults mostly do without it (AreaReader in space_impl.h).
class CAPABILITY("shared_mutex") MmLock {
 public:
  /// Time spent waiting for it is added to `waited_ns`.
  MmLock(Policy::Lock mode, std::atomic<u64>& waited_ns)
      : alone_(mode == Policy::Lock::mutex), waited_ns_(waited_ns) {}
  MmLock(const MmLock&) = delete;
  MmLock& operator=(const MmLock&) = delete;

  void lock() ACQUIRE() {
    QUIRE_YIELD();
    QUIRE_LOCK_ACQUIRED(locks::address_space, this);
    take(writers_);
    if (!alone_) take(readers_);
  }
  void unlock() RELEASE() {
    if (!alone_) readers_.unlock();
    writers_.unlock();
    QUIRE_LOCK_RELEASED(locks::address_space, this);
    QUIRE_YIELD();
  }
  void lock_shared() ACQUIRE_SHARED() {
    QUIRE_YIELD();
    QUIRE_LOCK_ACQUIRED(locks::address_space, this);
    take(writers_);
    if (alone_) return;
    readers_.lock_shared();
    writers_.unlock();
  }
  void unlock_shared() RELEASE_SHARED() {
    if (alone_)
      writers_.unlock();
    else
      readers_.unlock_shared();
    QUIRE_LOCK_RELEASED(locks::address_space, this);
    QUIRE_YIELD();
  }

 private:
  template <typename M>
  void take(M& mutex) {
    if (mutex.try_lock()) return;
    const auto begin = std::chrono::steady_clock::now();
    mutex.lock();
    const auto waited = std::chrono::steady_clock::now() - begin;
    waited_ns_.fetch_add(static_cast<u64>(waited.count()), std::memory_order_relaxed);
  }

  const bool alone_;
  std::atomic<u64>& waited_ns_;
  std::mutex writers_;  // held by a writer, and for a moment by each reader that comes in
  std::shared_mutex readers_;
};

#endif

}  // namespace quire::mm
