// Areas of an address space: ranges with the same rights and backing.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "base/ref.h"
#include "kernel/abi/types.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/object.h"

namespace quire::mm {

/// Who uses an area without the address space's lock, and who keeps them out. Belongs to the place in
/// the map, not to the area: a copy starts without readers.
struct AreaUse {
  std::atomic<u32> readers{0};
  u64 written_by = 0;  // the number of the writing that has it; under the map's index lock
  AreaUse() = default;
  AreaUse(const AreaUse& o) : written_by(o.written_by) {}
  AreaUse& operator=(const AreaUse&) { return *this; }
};

/// A flag that faults of an area may set beside each other.
class SharedFlag {
 public:
  SharedFlag(bool on = false) : on_(on) {}
  SharedFlag(const SharedFlag& o) : on_(static_cast<bool>(o)) {}
  SharedFlag& operator=(const SharedFlag& o) { return *this = static_cast<bool>(o); }
  SharedFlag& operator=(bool on) {
    if (on != static_cast<bool>(*this)) on_.store(on, std::memory_order_relaxed);
    return *this;
  }
  SharedFlag& operator|=(bool on) { return on ? *this = true : *this; }
  operator bool() const { return on_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> on_;
};

/// One area. Copying it is cheap; registering with its object is the address space's business.
struct Vma {
  u64 begin = 0, end = 0;  // bytes, page aligned
  Access access = Access::none;
  Access max_access = Access::none;
  bool shared = false;
  bool grows_down = false;
  bool locked = false;
  bool lock_on_fault = false;  // locked, and its pages come when they are touched
  bool no_reserve = false;
  bool huge_tlb = false;
  bool dont_fork = false;
  bool wipe_on_fork = false;
  bool dont_dump = false;
  bool advised_huge = false;
  bool advised_no_huge = false;
  bool charged = false;         // counted as data (RLIMIT_DATA): private and writable when made
  bool huge_lost = false;       // hugetlb, private: a page was taken back by who reserved it
  SharedFlag writable_in_stub;  // private: some page was mapped for writing since the last fork
  // Filling ahead of a guest that touches its memory in order (ahead.cpp); under the page-table lock.
  u64 ahead_end = 0;       // end of the windows prepared last; 0: none
  u32 ahead_windows = 0;   // how many these were
  u32 ahead_proven = 0;    // windows that were touched in order before
  u64 ahead_first = 0;     // the window before these, until it is made huge
  u64 cow_window = 0;      // where a guest broke copy-on-write last
  Ref<ObjectImpl> object;  // null: private anonymous
  u64 offset = 0;          // of `begin` in the object
  u64 device = 0, inode = 0;
  std::shared_ptr<const std::string> name;  // null: none
  Ref<RefCounted> keep_alive;
  Ref<HugeReserve> huge_reserve;  // hugetlb, private: null in a child of fork and with MAP_NORESERVE

  AreaUse use;

  u64 size() const { return end - begin; }
  u64 object_offset(u64 address) const { return offset + (address - begin); }
  /// Has entries in the page tables.
  bool is_private() const { return !shared; }
  bool anonymous() const { return object == nullptr; }
  /// What the processor lets through: every right includes reading.
  bool permits(Access want) const {
    if (access == Access::none) return false;
    return allows(access | Access::read, want);
  }
  VmaInfo info() const;
};

/// The areas of an address space, ordered and disjoint. The caller serialises: writers among each other,
/// and readers with writers, but for enter(): an area that was entered is neither changed nor moved nor
/// removed until it is left, because whoever changes areas claims them first.
class VmaMap {
 public:
  using Map = std::map<u64, Vma>;
  using iterator = Map::iterator;
  using const_iterator = Map::const_iterator;

  iterator begin() { return map_.begin(); }
  iterator end() { return map_.end(); }
  const_iterator begin() const { return map_.begin(); }
  const_iterator end() const { return map_.end(); }
  std::size_t count() const { return map_.size(); }

  /// The area that holds `address`, entered; null if there is none, or a writer has claimed it.
  Vma* enter(u64 address);
  /// True when the last reader left: a writer may be waiting for that.
  static bool leave(Vma& v) { return v.use.readers.fetch_sub(1) == 1; }
  /// Writer: keeps new readers out of all areas that touch [begin, end]. Those already in must be
  /// waited for, until busy() says that there are none.
  void claim(u64 begin, u64 end);
  bool busy(u64 begin, u64 end) const;
  /// Writer: lets readers in again, everywhere.
  void release_claims();
  /// Whether the predicate holds for an area that overlaps the range; for those who entered an area.
  template <typename F>
  bool any_in(u64 begin, u64 end, F&& predicate) const {
    SharedLockGuard guard(index_);
    for (auto it = first_after(begin); it != map_.end() && it->second.begin < end; ++it)
      if (predicate(it->second)) return true;
    return false;
  }

  /// The area that holds `address`, or null.
  Vma* find(u64 address);
  const Vma* find(u64 address) const;
  /// First area that ends after `address`.
  iterator first_after(u64 address);
  const_iterator first_after(u64 address) const;
  bool overlaps(u64 begin, u64 end) const;
  /// Cuts the area that holds `address` in two there (if it does not begin there).
  void split_at(u64 address);
  /// How many areas split_at(begin) and split_at(end) would add.
  unsigned splits_needed(u64 begin, u64 end) const;
  /// Adds an area that overlaps none, merging it with like neighbours.
  iterator insert(Vma vma);
  /// Adds an area above all others, as it is.
  void append(Vma vma) {
    const u64 key = vma.begin;
    LockGuard guard(index_);
    vma.use.written_by = writing_;
    map_.emplace_hint(map_.end(), key, std::move(vma));
  }
  /// Merges the area with the next one while they are alike, and with the one before.
  iterator merge_around(iterator it);
  iterator erase(iterator it) {
    LockGuard guard(index_);
    return map_.erase(it);
  }

  /// Highest gap of `length` bytes that ends at or below `top` and begins at or above `bottom`, its
  /// begin congruent to `phase` modulo `alignment`. 0 if there is none.
  u64 find_gap(u64 length, u64 bottom, u64 top, u64 alignment, u64 phase);
  /// Lowest gap at or above `bottom`. 0 if there is none.
  u64 find_gap_upwards(u64 length, u64 bottom, u64 top) const;

 private:
  void gap_opened(u64 end_of_gap);
  iterator merge_locked(iterator it) REQUIRES(index_);

  // For the shape of the map and the ends of areas: enter() reads it beside a writer.
  mutable WriterFirstMutex<locks::vma> index_;
  u64 writing_ = 1;  // number of the writing under way, or of the next
  Map map_;
  // Every gap between hint_ and hint_top_ is smaller than hint_length_.
  u64 hint_ = 0, hint_top_ = 0, hint_length_ = 0;
  friend class AddressSpaceImpl;
};

/// Private anonymous memory made at once of at least this size is shown as it is touched (ahead.cpp).
inline constexpr u64 ahead_least = 2 * huge_size;

/// Bytes kept free below an area that grows down.
inline constexpr u64 stack_guard_gap = 256 * page_size;

}  // namespace quire::mm
