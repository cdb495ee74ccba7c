#include "kernel/task/futex.h"

#include <linux/futex.h>

#include <functional>

#include "kernel/abi/restart.h"
#include "kernel/task/kernel.h"
#include "kernel/task/task.h"

namespace quire::task {

struct FutexTable::Waiting {
  mm::FutexKey key;
  u32 mask = ~u32{0};
  vfs::Waiter* waiter = nullptr;
  std::atomic<Bucket*> bucket{nullptr};
  // Written under the bucket's lock.
  bool queued = false;
  std::atomic<bool> woken{false};
  // PI: who waits, and whether an unlocker is handing the lock to it.
  bool pi = false;
  i32 tid = 0;
  bool granting = false;
};

namespace {

constexpr u32 tid_mask = FUTEX_TID_MASK;
constexpr int max_robust_entries = 2048;

}  // namespace

FutexTable::Bucket& FutexTable::bucket_of(const mm::FutexKey& key) {
  const u64 h =
      (reinterpret_cast<u64>(key.owner) >> 4) * 0x9e3779b97f4a7c15 ^ (key.offset >> 2) * 0xc2b2ae3d27d4eb4f;
  return buckets_[h >> 40 & (bucket_count - 1)];
}

void FutexTable::enqueue(Waiting& waiting) {
  Bucket& bucket = bucket_of(waiting.key);
  LockGuard guard(bucket.lock);
  waiting.bucket.store(&bucket, std::memory_order_release);
  waiting.queued = true;
  bucket.queue.push_back(&waiting);
}

bool FutexTable::dequeue(Waiting& waiting) {
  for (;;) {
    Bucket* bucket = waiting.bucket.load(std::memory_order_acquire);
    LockGuard guard(bucket->lock);
    // A requeue moves us with both buckets locked: look again.
    if (waiting.bucket.load(std::memory_order_relaxed) != bucket) continue;
    if (!waiting.queued) return false;
    bucket->queue.remove(&waiting);
    waiting.queued = false;
    return true;
  }
}

u32 FutexTable::wake_key(const mm::FutexKey& key, u32 n, u32 mask) {
  Bucket& bucket = bucket_of(key);
  LockGuard guard(bucket.lock);
  u32 woken = 0;
  for (auto it = bucket.queue.begin(); it != bucket.queue.end() && woken < n;) {
    Waiting& w = **it;
    if (!(w.key == key) || (w.mask & mask) == 0 || w.pi) {
      ++it;
      continue;
    }
    it = bucket.queue.erase(it);
    w.queued = false;
    w.woken.store(true, std::memory_order_release);
    // The waiter leaves only through this lock, so it is still there.
    w.waiter->wake();
    ++woken;
  }
  return woken;
}

Result<u32> FutexTable::wait(mm::AddressSpace& mm, std::span<const Word> words, vfs::Deadline deadline) {
  vfs::Waiter& waiter = vfs::Waiter::current();
  std::vector<Waiting> waiting(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) {
    waiting[i].key = TRY(mm.futex_key(words[i].address, words[i].private_flag));
    waiting[i].mask = words[i].mask;
    waiting[i].waiter = &waiter;
  }
  for (Waiting& w : waiting) enqueue(w);
  // Leaves all queues; tells which word was woken. Wakes beyond the first are handed on.
  auto leave = [&](bool hand_all_on) -> std::optional<u32> {
    std::optional<u32> first;
    for (u32 i = 0; i < waiting.size(); ++i) {
      if (dequeue(waiting[i])) continue;
      if (!first && !hand_all_on)
        first = i;
      else
        wake_key(waiting[i].key, 1, waiting[i].mask);
    }
    return first;
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const Result<u32> value = mm.load_u32(words[i].address);
    if (value && *value == words[i].expected) continue;
    leave(true);
    if (!value) return err(value.error());
    return err(EAGAIN);
  }
  for (;;) {
    for (const Waiting& w : waiting)
      if (w.woken.load(std::memory_order_acquire)) return *leave(false);
    const Result<> slept = waiter.sleep(deadline);
    if (slept) continue;
    if (const auto woken = leave(false)) return *woken;
    return err(slept.error());
  }
}

Result<u32> FutexTable::wake(mm::AddressSpace& mm, GuestAddr address, bool private_flag, u32 n, u32 mask) {
  return wake_key(TRY(mm.futex_key(address, private_flag)), n, mask);
}

Result<u32> FutexTable::requeue(mm::AddressSpace& mm, GuestAddr from, GuestAddr to, bool from_private,
                                bool to_private, u32 wake_n, u32 move_n, std::optional<u32> expected) {
  const mm::FutexKey source = TRY(mm.futex_key(from, from_private));
  const mm::FutexKey target = TRY(mm.futex_key(to, to_private));
  if (expected && TRY(mm.load_u32(from)) != *expected) return err(EAGAIN);
  u32 woken = wake_key(source, wake_n, ~u32{0});
  if (source == target) return woken;
  Bucket& a = bucket_of(source);
  Bucket& b = bucket_of(target);
  u32 moved = 0;
  auto move = [&]() NO_THREAD_SAFETY_ANALYSIS {
    for (auto it = a.queue.begin(); it != a.queue.end() && moved < move_n;) {
      Waiting* w = *it;
      if (!(w->key == source) || w->pi) {
        ++it;
        continue;
      }
      it = a.queue.erase(it);
      w->key = target;
      w->bucket.store(&b, std::memory_order_release);
      b.queue.push_back(w);
      ++moved;
    }
  };
  if (&a == &b) {
    LockGuard guard(a.lock);
    move();
  } else {
    // Two locks of one class: in address order.
    LockGuard first(&a < &b ? a.lock : b.lock);
    LockGuard second(&a < &b ? b.lock : a.lock);
    move();
  }
  return expected ? woken + moved : woken;
}

Result<u32> FutexTable::wake_op(mm::AddressSpace& mm, GuestAddr first, GuestAddr second, bool private_flag,
                                u32 wake_first, u32 wake_second, u32 operation) {
  const int op = static_cast<int>(operation >> 28 & 7);
  const int compare = static_cast<int>(operation >> 24 & 15);
  auto sign_extend = [](u32 v) { return static_cast<i32>(v << 20) >> 20; };
  i32 operand = sign_extend(operation >> 12 & 0xfff);
  const i32 against = sign_extend(operation & 0xfff);
  if ((operation >> 28 & FUTEX_OP_OPARG_SHIFT) != 0) operand = static_cast<i32>(1u << (operand & 31));
  if (op > FUTEX_OP_XOR || compare > FUTEX_OP_CMP_GE) return err(ENOSYS);
  const mm::FutexKey first_key = TRY(mm.futex_key(first, private_flag));
  const mm::FutexKey second_key = TRY(mm.futex_key(second, private_flag));
  const i32 old = static_cast<i32>(TRY(mm.fetch_op_u32(second, op, static_cast<u32>(operand))));
  u32 woken = wake_key(first_key, wake_first, ~u32{0});
  bool also = false;
  switch (compare) {
    case FUTEX_OP_CMP_EQ:
      also = old == against;
      break;
    case FUTEX_OP_CMP_NE:
      also = old != against;
      break;
    case FUTEX_OP_CMP_LT:
      also = old < against;
      break;
    case FUTEX_OP_CMP_LE:
      also = old <= against;
      break;
    case FUTEX_OP_CMP_GT:
      also = old > against;
      break;
    case FUTEX_OP_CMP_GE:
      also = old >= against;
      break;
    default:
      break;
  }
  if (also) woken += wake_key(second_key, wake_second, ~u32{0});
  return woken;
}

// --- priority inheritance (words and queue only) ----------------------------------------------------------

Result<> FutexTable::lock_pi(Task& task, GuestAddr address, bool private_flag, bool try_only,
                             vfs::Deadline deadline) {
  mm::AddressSpace& mm = task.mm();
  const mm::FutexKey key = TRY(mm.futex_key(address, private_flag));
  const u32 self = static_cast<u32>(task.tid());
  vfs::Waiter& waiter = vfs::Waiter::current();
  for (;;) {
    const u32 value = TRY(mm.load_u32(address));
    const u32 owner = value & tid_mask;
    if (owner == self) return err(EDEADLK);
    if (owner == 0) {
      // Free, or its owner died: whoever queues keeps the waiters bit alive.
      const u32 mine = self | (value & (FUTEX_OWNER_DIED | FUTEX_WAITERS));
      if (TRY(mm.compare_exchange_u32(address, value, mine)) == value) return {};
      continue;
    }
    if (try_only) return err(EAGAIN);
    if (!task.kernel().find_task(static_cast<Pid>(owner))) return err(ESRCH);
    Waiting waiting;
    waiting.key = key;
    waiting.waiter = &waiter;
    waiting.pi = true;
    waiting.tid = task.tid();
    enqueue(waiting);
    const Result<u32> seen = mm.compare_exchange_u32(address, value, value | FUTEX_WAITERS);
    const bool waits = seen && *seen == value;
    Result<> slept;
    while (waits && slept && !waiting.woken.load(std::memory_order_acquire)) slept = waiter.sleep(deadline);
    if (dequeue(waiting)) {
      if (!seen) return err(seen.error());
      if (!slept)
        return err(slept.error().value() == abi::restart_sys ? abi::restart_nointr : slept.error().value());
      continue;
    }
    // An unlocker has chosen us; the lock is ours once it says so.
    while (!waiting.woken.load(std::memory_order_acquire)) (void)waiter.sleep_killable();
    (void)dequeue(waiting);
    return {};
  }
}

/// Hands the lock to its first waiter, if there is one. `now` is the word's value.
Result<bool> FutexTable::grant_pi(mm::AddressSpace& mm, GuestAddr address, const mm::FutexKey& key, u32 now,
                                  u32 extra) {
  Bucket& bucket = bucket_of(key);
  Waiting* next = nullptr;
  bool more = false;
  {
    LockGuard guard(bucket.lock);
    for (auto it = bucket.queue.begin(); it != bucket.queue.end();) {
      Waiting* w = *it;
      if (!(w->key == key) || !w->pi) {
        ++it;
      } else if (next == nullptr) {
        next = w;
        it = bucket.queue.erase(it);
        w->queued = false;
        w->granting = true;
      } else {
        more = true;
        break;
      }
    }
  }
  if (next == nullptr) return false;
  // A waiter that arrives now sets the waiters bit itself: its exchange fails if we come first.
  u32 want = static_cast<u32>(next->tid) | (more ? FUTEX_WAITERS : 0) | extra;
  Result<u32> seen = mm.compare_exchange_u32(address, now, want);
  while (seen && *seen != now) {
    now = *seen;
    want |= now & FUTEX_WAITERS;
    seen = mm.compare_exchange_u32(address, now, want);
  }
  LockGuard guard(bucket.lock);
  next->woken.store(true, std::memory_order_release);
  next->waiter->wake();
  if (!seen) return err(seen.error());
  return true;
}

Result<> FutexTable::unlock_pi(Task& task, GuestAddr address, bool private_flag) {
  mm::AddressSpace& mm = task.mm();
  const mm::FutexKey key = TRY(mm.futex_key(address, private_flag));
  for (;;) {
    const u32 value = TRY(mm.load_u32(address));
    if ((value & tid_mask) != static_cast<u32>(task.tid())) return err(EPERM);
    if (TRY(grant_pi(mm, address, key, value, 0))) return {};
    if (TRY(mm.compare_exchange_u32(address, value, 0)) == value) return {};
  }
}

// --- robust lists
// ---------------------------------------------------------------------------------------------

bool FutexTable::death_of_owner(Task& task, GuestAddr address, bool pi, bool pending) {
  if (address.value() % sizeof(u32) != 0) return false;
  mm::AddressSpace& mm = task.own_mm();
  const u32 self = static_cast<u32>(task.tid());
  for (;;) {
    const Result<u32> value = mm.load_u32(address);
    if (!value) return false;
    // Died between taking the lock's word to zero and waking: the wake is still owed.
    if (pending && !pi && *value == 0) {
      (void)wake(mm, address, false, 1, ~u32{0});
      return true;
    }
    if ((*value & tid_mask) != self) return true;
    if (pi) {
      const auto key = mm.futex_key(address, false);
      if (!key) return false;
      const Result<bool> granted = grant_pi(mm, address, *key, *value, FUTEX_OWNER_DIED);
      if (!granted) return false;
      if (*granted) return true;
    }
    const u32 dead = (*value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
    const Result<u32> seen = mm.compare_exchange_u32(address, *value, dead);
    if (!seen) return false;
    if (*seen != *value) continue;
    if (!pi && (*value & FUTEX_WAITERS) != 0) (void)wake(mm, address, false, 1, ~u32{0});
    return true;
  }
}

void FutexTable::exit_robust_list(Task& task) {
  if (task.robust_list == GuestAddr{}) return;
  mm::AddressSpace& mm = task.own_mm();
  struct Head {
    u64 next;
    i64 offset;
    u64 pending;
  };
  const auto head = mm.read<Head>(task.robust_list);
  if (!head) return;
  auto word = [&](u64 entry) { return GuestAddr((entry & ~u64{1}) + static_cast<u64>(head->offset)); };
  u64 entry = head->next;
  for (int i = 0; i < max_robust_entries && (entry & ~u64{1}) != task.robust_list.value(); ++i) {
    const auto next = mm.read<u64>(GuestAddr(entry & ~u64{1}));
    if ((entry & ~u64{1}) != (head->pending & ~u64{1}) &&
        !death_of_owner(task, word(entry), (entry & 1) != 0, false))
      return;
    if (!next) return;
    entry = *next;
  }
  if ((head->pending & ~u64{1}) != 0)
    death_of_owner(task, word(head->pending), (head->pending & 1) != 0, true);
}

}  // namespace quire::task
