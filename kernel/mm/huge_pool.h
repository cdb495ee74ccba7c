// The pool of huge pages: how many there are, free, reserved, surplus; and who has which.
//
// A huge page is a block of the memory file (blocks.h) that was taken from this pool; whoever drops its
// last name gives it back without knowing. The rules are those of Linux: pages of the pool proper stay
// in it, surplus ones (up to nr_overcommit_hugepages) exist while they are used or reserved, and a page
// that is reserved is never given to anybody else.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/lock.h"
#include "base/ref.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"
#include "kernel/abi/types.h"
#include "kernel/mm/blocks.h"

namespace quire::mm {

class HugePool;

/// What /proc/meminfo shows as HugePages_*, and the limit for surplus pages. In huge pages.
struct HugePageCounts {
  u64 total = 0, free = 0, reserved = 0, surplus = 0, overcommit = 0;
};

/// The share of one hugetlbfs mount: at most `most` pages, of which `least` are always reserved for it.
/// Guarded by the pool's lock.
class HugeSubpool : public RefCounted {
 public:
  HugeSubpool(HugePool& pool, std::optional<u64> most, u64 least) : most_(most), least_(least), pool_(pool) {}
  ~HugeSubpool() override;
  std::optional<u64> most() const { return most_; }
  u64 least() const { return least_; }
  /// Pages used or reserved in it.
  u64 used() const;

 private:
  friend class HugePool;
  /// Counts `n` pages more; how many of them must come from the whole pool. None: beyond the limit.
  std::optional<u64> get(u64 n);
  /// Counts `n` fewer; how many reservations of the whole pool that frees.
  u64 put(u64 n);

  const std::optional<u64> most_;
  const u64 least_;
  u64 used_ = 0;
  u64 kept_ = 0;  // of the pages reserved for it, those that nobody has claimed
  HugePool& pool_;
};

/// All methods may be called from any thread, with locks of a rank below `huge_pool` held.
class HugePool {
 public:
  /// `room`: bytes of memory that nothing is stored in (free huge pages are promised out of these).
  HugePool(BlockPool& blocks, std::function<u64()> room);

  HugePageCounts counts() const;
  /// vm.nr_hugepages: as many as there is room for; pages in use or reserved stay, as surplus.
  void set_total(u64 pages);
  void set_overcommit(u64 pages);
  /// ENOMEM when `least` pages cannot be reserved.
  Result<Ref<HugeSubpool>> make_subpool(std::optional<u64> most, u64 least);

  /// Reserves `n` pages (of `sub`, which may be null). ENOMEM.
  Result<> reserve(u64 n, HugeSubpool* sub);
  /// Gives up reservations that were not used.
  void unreserve(u64 n, HugeSubpool* sub);
  /// A huge page of zeros, counted once as a whole block: `wanted` if that is free, else near `slot`
  /// (address / 2 MiB). `reserved`: it was reserved before. ENOSPC when the pool is short or the host has
  /// no storage for it.
  Result<BlockNumber> take(u64 slot, BlockNumber wanted, const Ref<HugeSubpool>& sub, bool reserved);

 private:
  friend class HugeSubpool;
  void released(BlockNumber b);
  bool reserve_in_pool(u64 n) REQUIRES(lock_);
  void unreserve_in_pool(u64 n) REQUIRES(lock_);
  /// Pages that memory has room for beside those promised already; surplus ones that may be made.
  u64 room() const REQUIRES(lock_);
  u64 surplus_room() const REQUIRES(lock_);

  BlockPool& blocks_;
  const std::function<u64()> room_;
  mutable Mutex<locks::huge_pool> lock_;
  HugePageCounts n_ GUARDED_BY(lock_);
  std::unordered_map<u64, Ref<HugeSubpool>> taken_ GUARDED_BY(lock_);  // by block
};

/// What a private mapping reserved when it was made, by page of its object: the areas that came of it
/// share it, a child of fork has none.
class HugeReserve : public RefCounted {
 public:
  /// Takes over a reservation of end - first pages.
  HugeReserve(HugePool& pool, Ref<HugeSubpool> sub, u64 first, u64 end)
      : pool_(pool), sub_(std::move(sub)), first_(first), reserved_(end - first, true) {}
  ~HugeReserve() override;
  /// True if the page was reserved; it no longer is.
  bool use(u64 page);
  /// No area wants these pages any more.
  void give_up(u64 first, u64 end);
  /// The pages were discarded: they are reserved again, if there are still so many.
  void restore(u64 first, u64 end);

 private:
  HugePool& pool_;
  const Ref<HugeSubpool> sub_;
  const u64 first_;
  Mutex<locks::huge_reserve> lock_;
  std::vector<bool> reserved_ GUARDED_BY(lock_);
};

}  // namespace quire::mm
