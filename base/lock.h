// Ranked locks. Every lock belongs to a class with a rank; a thread may take a lock only if its rank
// is higher than that of every lock it holds (equal rank only where the class says so, for locks
// taken in address order). Each component writes its classes down once, in one header
// (kernel/abi/lock_order.h, jffs2/lock_order.h, ...). Debug builds (QUIRE_CHECK_LOCKS) abort with
// both names on a breach; release builds carry no trace of the check.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#if defined(QUIRE_YIELD_AT_LOCKS)
#include <chrono>
#include <thread>
#endif

#include "base/thread_annotations.h"
#include "base/types.h"

namespace quire {

/// A class of locks: its place in the order and its name for messages.
struct LockClass {
  int rank;
  const char* name;
  bool nests_with_itself = false;
};

#if defined(QUIRE_CHECK_LOCKS)
namespace lock_check {
void acquired(const LockClass& c, const void* lock);
void released(const LockClass& c, const void* lock);
}  // namespace lock_check
#define QUIRE_LOCK_ACQUIRED(c, l) ::quire::lock_check::acquired(c, l)
#define QUIRE_LOCK_RELEASED(c, l) ::quire::lock_check::released(c, l)
#else
#define QUIRE_LOCK_ACQUIRED(c, l) ((void)0)
#define QUIRE_LOCK_RELEASED(c, l) ((void)0)
#endif

#if defined(QUIRE_YIELD_AT_LOCKS)
namespace lock_yield {
/// Now and then lets other threads go first, so that tests see orders that are rare by nature.
inline void perhaps() {
  thread_local u64 state = reinterpret_cast<u64>(&state) * 0x9e3779b97f4a7c15u | 1;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  if (state % 512 == 0)
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  else if (state % 8 == 0)
    std::this_thread::yield();
}
}  // namespace lock_yield
#define QUIRE_YIELD() ::quire::lock_yield::perhaps()
#else
#define QUIRE_YIELD() ((void)0)
#endif

/// A mutex of lock class C.
template <const LockClass& C>
class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() {
    QUIRE_YIELD();
    QUIRE_LOCK_ACQUIRED(C, this);
    m_.lock();
  }
  void unlock() RELEASE() {
    m_.unlock();
    QUIRE_LOCK_RELEASED(C, this);
    QUIRE_YIELD();
  }
  [[nodiscard]] bool try_lock() TRY_ACQUIRE(true) {
    if (!m_.try_lock()) return false;
    QUIRE_LOCK_ACQUIRED(C, this);
    return true;
  }

 private:
  std::mutex m_;
};

/// A std::shared_mutex that lets writers first.
class WriterFirst {
 public:
  WriterFirst() {
    pthread_rwlockattr_t kind;
    pthread_rwlockattr_init(&kind);
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&m_, &kind);
    pthread_rwlockattr_destroy(&kind);
  }
  ~WriterFirst() { pthread_rwlock_destroy(&m_); }
  WriterFirst(const WriterFirst&) = delete;
  WriterFirst& operator=(const WriterFirst&) = delete;
  void lock() { pthread_rwlock_wrlock(&m_); }
  void unlock() { pthread_rwlock_unlock(&m_); }
  void lock_shared() { pthread_rwlock_rdlock(&m_); }
  void unlock_shared() { pthread_rwlock_unlock(&m_); }

 private:
  pthread_rwlock_t m_;
};

/// A reader-writer lock of lock class C.
template <const LockClass& C, typename M = std::shared_mutex>
class CAPABILITY("shared_mutex") SharedMutex {
 public:
  void lock() ACQUIRE() {
    QUIRE_YIELD();
    QUIRE_LOCK_ACQUIRED(C, this);
    m_.lock();
  }
  void unlock() RELEASE() {
    m_.unlock();
    QUIRE_LOCK_RELEASED(C, this);
    QUIRE_YIELD();
  }
  void lock_shared() ACQUIRE_SHARED() {
    QUIRE_YIELD();
    QUIRE_LOCK_ACQUIRED(C, this);
    m_.lock_shared();
  }
  void unlock_shared() RELEASE_SHARED() {
    m_.unlock_shared();
    QUIRE_LOCK_RELEASED(C, this);
    QUIRE_YIELD();
  }

 private:
  M m_;
};

/// The same, but readers that come while a writer waits wait behind it, so that many readers do not starve a
/// writer. A thread must not take it twice, not for reading either.
template <const LockClass& C>
using WriterFirstMutex = SharedMutex<C, WriterFirst>;

/// Holds a lock for a scope; unlock() and lock() allow a gap in it.
template <typename M>
class SCOPED_CAPABILITY LockGuard {
 public:
  explicit LockGuard(M& m) ACQUIRE(m) : m_(m) { m_.lock(); }
  ~LockGuard() RELEASE() {
    if (held_) m_.unlock();
  }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;
  void unlock() RELEASE() {
    m_.unlock();
    held_ = false;
  }
  void lock() ACQUIRE() {
    m_.lock();
    held_ = true;
  }

 private:
  M& m_;
  bool held_ = true;
};

/// Holds a reader-writer lock for reading for a scope.
template <typename M>
class SCOPED_CAPABILITY SharedLockGuard {
 public:
  explicit SharedLockGuard(M& m) ACQUIRE_SHARED(m) : m_(m) { m_.lock_shared(); }
  ~SharedLockGuard() RELEASE_GENERIC() { m_.unlock_shared(); }
  SharedLockGuard(const SharedLockGuard&) = delete;
  SharedLockGuard& operator=(const SharedLockGuard&) = delete;

 private:
  M& m_;
};

/// A condition variable that waits on a lock held alone. The waiter holds the mutex and, as ever, re-tests.
class CondVar {
 public:
  template <const LockClass& C>
  void wait(Mutex<C>& m) REQUIRES(m) {
    cv_.wait(m);
  }
  template <const LockClass& C>
  void wait(WriterFirstMutex<C>& m) REQUIRES(m) {
    cv_.wait(m);
  }
  /// False on timeout.
  template <const LockClass& C, typename Deadline>
  bool wait_until(Mutex<C>& m, const Deadline& deadline) REQUIRES(m) {
    return cv_.wait_until(m, deadline) == std::cv_status::no_timeout;
  }
  void notify_one() { cv_.notify_one(); }
  void notify_all() { cv_.notify_all(); }

 private:
  std::condition_variable_any cv_;
};

}  // namespace quire
