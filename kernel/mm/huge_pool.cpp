#include "kernel/mm/huge_pool.h"

#include <algorithm>

namespace quire::mm {

HugeSubpool::~HugeSubpool() {
  LockGuard guard(pool_.lock_);
  pool_.unreserve_in_pool(kept_);
}

u64 HugeSubpool::used() const {
  LockGuard guard(pool_.lock_);
  return used_;
}

std::optional<u64> HugeSubpool::get(u64 n) {
  if (most_ && n > *most_ - std::min(*most_, used_)) return std::nullopt;
  used_ += n;
  const u64 own = std::min(n, kept_);
  kept_ -= own;
  return n - own;
}

u64 HugeSubpool::put(u64 n) {
  used_ -= n;
  if (used_ >= least_) return n;
  const u64 own = std::min(n, least_ - used_ - std::min(kept_, least_ - used_));
  kept_ += own;
  return n - own;
}

HugePool::HugePool(BlockPool& blocks, std::function<u64()> room) : blocks_(blocks), room_(std::move(room)) {
  blocks_.on_huge_release([this](BlockNumber b) { released(b); });
}

HugePageCounts HugePool::counts() const {
  LockGuard guard(lock_);
  return n_;
}

void HugePool::set_total(u64 pages) {
  LockGuard guard(lock_);
  // Surplus pages join the pool proper before new ones are made.
  const u64 adopted = std::min(n_.surplus, pages - std::min(pages, n_.total - n_.surplus));
  n_.surplus -= adopted;
  const u64 own = n_.total - n_.surplus;
  if (pages > own) {
    const u64 made = std::min(pages - own, room());
    n_.total += made;
    n_.free += made;
    return;
  }
  // Free pages that nobody has reserved go; what is in use becomes surplus.
  const u64 excess = own - pages;
  const u64 dropped = std::min(excess, n_.free - n_.reserved);
  n_.total -= dropped;
  n_.free -= dropped;
  n_.surplus += excess - dropped;
}

void HugePool::set_overcommit(u64 pages) {
  LockGuard guard(lock_);
  n_.overcommit = pages;
}

Result<Ref<HugeSubpool>> HugePool::make_subpool(std::optional<u64> most, u64 least) {
  auto sub = make_ref<HugeSubpool>(*this, most, least);
  LockGuard guard(lock_);
  if (!reserve_in_pool(least)) {
    guard.unlock();
    return err(ENOMEM);
  }
  sub->kept_ = least;
  return sub;
}

u64 HugePool::surplus_room() const {
  if (n_.surplus >= n_.overcommit) return 0;
  return std::min(n_.overcommit - n_.surplus, room());
}

u64 HugePool::room() const {
  const u64 pages = room_() / huge_size;
  return pages - std::min(pages, n_.free);
}

bool HugePool::reserve_in_pool(u64 n) {
  if (n > n_.free - n_.reserved) {
    const u64 missing = n - (n_.free - n_.reserved);
    if (missing > surplus_room()) return false;
    n_.total += missing;
    n_.free += missing;
    n_.surplus += missing;
  }
  n_.reserved += n;
  return true;
}

void HugePool::unreserve_in_pool(u64 n) {
  n_.reserved -= n;
  const u64 dropped = std::min({n, n_.surplus, n_.free - n_.reserved});
  n_.total -= dropped;
  n_.free -= dropped;
  n_.surplus -= dropped;
}

Result<> HugePool::reserve(u64 n, HugeSubpool* sub) {
  LockGuard guard(lock_);
  std::optional<u64> from_pool = n;
  if (sub != nullptr) from_pool = sub->get(n);
  if (!from_pool) return err(ENOMEM);
  if (reserve_in_pool(*from_pool)) return {};
  if (sub != nullptr) (void)sub->put(n);
  return err(ENOMEM);
}

void HugePool::unreserve(u64 n, HugeSubpool* sub) {
  LockGuard guard(lock_);
  unreserve_in_pool(sub != nullptr ? sub->put(n) : n);
}

Result<BlockNumber> HugePool::take(u64 slot, BlockNumber wanted, const Ref<HugeSubpool>& sub, bool reserved) {
  {
    LockGuard guard(lock_);
    bool from_reserve = reserved;
    if (!reserved && sub != nullptr) {
      const auto from_pool = sub->get(1);
      if (!from_pool) return err(ENOSPC);
      from_reserve = *from_pool == 0;
    }
    if (from_reserve) {
      --n_.reserved;
      --n_.free;
    } else if (n_.free > n_.reserved) {
      --n_.free;
    } else if (surplus_room() != 0) {
      ++n_.total;
      ++n_.surplus;
    } else {
      if (sub != nullptr) (void)sub->put(1);
      return err(ENOSPC);
    }
  }
  const auto b = blocks_.allocate(slot, wanted);
  platform::Memory& memory = blocks_.memory();
  if (b) {
    LockGuard guard(lock_);
    taken_[b->value()] = sub;
    blocks_.mark_huge(*b);
  } else {
    LockGuard guard(lock_);
    ++n_.free;
    if (sub != nullptr) (void)sub->put(1);
    return err(ENOSPC);
  }
  // All of it gets storage at once where the host has huge pages; elsewhere as it is touched.
  const FrameNumber first = first_frame(*b);
  if (memory.kind().tmpfs_huge_advise) memory.advise_huge(first, PageCount(pages_per_huge), true);
  std::byte byte;
  const bool stored = memory.checked_copy(&byte, memory.at(first), 1);
  if (memory.kind().tmpfs_huge_advise) memory.advise_huge(first, PageCount(pages_per_huge), false);
  if (!stored) {
    blocks_.release_whole(*b, 1);
    return err(ENOSPC);
  }
  return *b;
}

void HugePool::released(BlockNumber b) {
  Ref<HugeSubpool> sub;  // dropped after the lock, which its end takes
  LockGuard guard(lock_);
  if (auto it = taken_.find(b.value()); it != taken_.end()) {
    sub = std::move(it->second);
    taken_.erase(it);
  }
  if (sub != nullptr && sub->put(1) == 0) ++n_.reserved;  // it belongs to the mount's own
  if (n_.surplus != 0 && n_.free + 1 > n_.reserved) {
    --n_.surplus;
    --n_.total;
  } else {
    ++n_.free;
  }
  guard.unlock();
}

HugeReserve::~HugeReserve() { give_up(first_, first_ + reserved_.size()); }

bool HugeReserve::use(u64 page) {
  LockGuard guard(lock_);
  if (page < first_ || page - first_ >= reserved_.size() || !reserved_[page - first_]) return false;
  reserved_[page - first_] = false;
  return true;
}

void HugeReserve::give_up(u64 first, u64 end) {
  u64 n = 0;
  {
    LockGuard guard(lock_);
    end = std::min<u64>(end, first_ + reserved_.size());
    for (u64 page = std::max(first, first_); page < end; ++page)
      if (reserved_[page - first_]) {
        reserved_[page - first_] = false;
        ++n;
      }
  }
  if (n != 0) pool_.unreserve(n, sub_.get());
}

void HugeReserve::restore(u64 first, u64 end) {
  LockGuard guard(lock_);
  end = std::min<u64>(end, first_ + reserved_.size());
  for (u64 page = std::max(first, first_); page < end; ++page)
    if (!reserved_[page - first_] && pool_.reserve(1, sub_.get())) reserved_[page - first_] = true;
}

}  // namespace quire::mm
