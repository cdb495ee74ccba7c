// Futexes: sleeping on words of guest memory.
//
// A word is read with no bucket locked (its page may have to be faulted in), so a waiter queues itself
// first and looks at the word then:
//
//   waiter                                waker
//   queue itself
//   load the word: still as expected?     store the word
//   sleep                                 wake: finds the waiter
//
// A waiter that finds another value leaves with EAGAIN; a wake that reached it meanwhile it hands on.
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "base/lock.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"
#include "kernel/mm/address_space.h"
#include "kernel/vfs/wait.h"

namespace quire::task {

class Task;

class FutexTable {
 public:
  /// One word of FUTEX_WAIT or futex_waitv(2).
  struct Word {
    GuestAddr address{};
    bool private_flag = false;
    u32 expected = 0;
    u32 mask = ~u32{0};
  };

  /// Sleeps until woken; returns which word was. EAGAIN if a word differs, ETIMEDOUT, EFAULT, and
  /// abi::restart_sys when interrupted.
  Result<u32> wait(mm::AddressSpace& mm, std::span<const Word> words, vfs::Deadline deadline);
  /// Wakes up to n waiters whose mask meets `mask`; returns how many.
  Result<u32> wake(mm::AddressSpace& mm, GuestAddr address, bool private_flag, u32 n, u32 mask);
  /// Wakes up to `wake_n`, moves up to `move_n` to another word. With `expected`: EAGAIN unless the
  /// word has that value. Returns how many were woken (and moved, with `expected`).
  Result<u32> requeue(mm::AddressSpace& mm, GuestAddr from, GuestAddr to, bool from_private, bool to_private,
                      u32 wake_n, u32 move_n, std::optional<u32> expected);
  /// FUTEX_WAKE_OP. ENOSYS for an unknown operation.
  Result<u32> wake_op(mm::AddressSpace& mm, GuestAddr first, GuestAddr second, bool private_flag,
                      u32 wake_first, u32 wake_second, u32 operation);

  /// Priority-inheriting locks as far as their words and queue go; no priority is lent. EDEADLK, ESRCH,
  /// EPERM, ETIMEDOUT, EAGAIN (try_only).
  Result<> lock_pi(Task& task, GuestAddr address, bool private_flag, bool try_only, vfs::Deadline deadline);
  Result<> unlock_pi(Task& task, GuestAddr address, bool private_flag);

  /// Marks the robust locks that a dying task holds and wakes one waiter of each.
  void exit_robust_list(Task& task);

 private:
  struct Bucket;
  struct Waiting;
  static constexpr std::size_t bucket_count = 256;
  struct Bucket {
    Mutex<locks::futex_bucket> lock;
    std::list<Waiting*> queue GUARDED_BY(lock);
  };

  Bucket& bucket_of(const mm::FutexKey& key);
  void enqueue(Waiting& waiting);
  /// False if it was woken and so is no longer queued.
  bool dequeue(Waiting& waiting);
  u32 wake_key(const mm::FutexKey& key, u32 n, u32 mask);
  bool death_of_owner(Task& task, GuestAddr address, bool pi, bool pending);
  Result<bool> grant_pi(mm::AddressSpace& mm, GuestAddr address, const mm::FutexKey& key, u32 now, u32 extra);

  std::array<Bucket, bucket_count> buckets_;
};

}  // namespace quire::task
