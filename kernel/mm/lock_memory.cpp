// mlock and its family, and populating: pages get their storage ahead of the first touch.
#include <sys/mman.h>

#include <algorithm>

#include "kernel/mm/change_areas.h"
#include "kernel/mm/space_impl.h"

namespace quire::mm {

// Makes every page present and gives it storage. For MADV_POPULATE_* the first page that cannot be had ends
// it: ENOMEM for a hole, EINVAL for missing rights, EFAULT otherwise; for mlock too, and always with ENOMEM.
Result<> AddressSpaceImpl::populate(u64 begin, u64 end, bool for_write, Absent absent) {
  const bool check = absent == Absent::madvise;
  for (u64 a = begin; a < end;) {
    bool write = for_write;
    {
      SharedLockGuard guard(lock_);
      const Vma* v = vmas_.find(a);
      if (v == nullptr) {
        if (check) return err(ENOMEM);
        const auto next = vmas_.first_after(a);
        if (next == vmas_.end()) return {};
        a = next->second.begin;
        continue;
      }
      write = write && v->is_private() && allows(v->access, Access::write);
      if (check && !v->permits(for_write ? Access::write : Access::read)) return err(EINVAL);
      if (absent == Absent::mlock && v->lock_on_fault) {
        a = v->end;
        continue;
      }
      if (!v->permits(Access::read)) {
        if (absent == Absent::mlock) return err(ENOMEM);
        a = v->end;
        continue;
      }
    }
    if (!touch(a, check ? for_write : write)) {
      if (absent != Absent::skip) return err(check ? EFAULT : ENOMEM);
      return {};
    }
    a = round_down(a, page_size) + page_size;
  }
  return {};
}

Result<> AddressSpaceImpl::change_locked(u64 begin, u64 end, bool locked, bool on_fault) {
  Exclusive guard(*this, Exclusive::Claim::none);
  guard.claim(begin, end);
  TRY_VOID(settle_for_change(begin, end, Reach::borders));
  if (locked) {
    u64 added = 0;
    for (auto it = vmas_.first_after(begin); it != vmas_.end() && it->second.begin < end; ++it)
      if (!it->second.locked && !it->second.huge_tlb)
        added += std::min(end, it->second.end) - std::max(begin, it->second.begin);
    if (end - begin > limits_.locked || added > limits_.locked - std::min(limits_.locked, locked_bytes_))
      return err(limits_.locked == 0 ? EPERM : ENOMEM);
  }
  return change_areas(begin, end, true, [&](Vma& v) REQUIRES(lock_) -> Result<> {
    if (v.huge_tlb) return {};
    v.lock_on_fault = on_fault;
    if (v.locked == locked) return {};
    v.locked = locked;
    locked_bytes_ += locked ? v.size() : ~v.size() + 1;
    return {};
  });
}

Result<> AddressSpaceImpl::lock(GuestAddr address, u64 length, bool on_fault) {
  const u64 begin = round_down(address.value(), page_size);
  const u64 end = begin + round_up(length + address.value() % page_size, page_size);
  if (end < begin) return err(EINVAL);
  if (end == begin) return {};
  TRY_VOID(change_locked(begin, end, true, on_fault));
  if (on_fault) return {};
  return populate(begin, end, true, Absent::mlock);
}

Result<> AddressSpaceImpl::unlock(GuestAddr address, u64 length) {
  const u64 begin = round_down(address.value(), page_size);
  const u64 end = begin + round_up(length + address.value() % page_size, page_size);
  if (end < begin) return err(EINVAL);
  if (end == begin) return {};
  return change_locked(begin, end, false, false);
}

Result<> AddressSpaceImpl::lock_all(int flags) {
  if (flags == 0 || flags == MCL_ONFAULT || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) != 0)
    return err(EINVAL);
  std::vector<std::pair<u64, u64>> ranges;
  {
    Exclusive guard(*this);
    if (limits_.locked == 0) return err(EPERM);
    if ((flags & MCL_CURRENT) != 0 && total_bytes_ > limits_.locked) return err(ENOMEM);
    TRY_VOID(settle_for_change(0, limit(), Reach::all));
    lock_future_ = (flags & MCL_FUTURE) != 0;
    lock_on_fault_ = (flags & MCL_ONFAULT) != 0;
    locked_all_ = (flags & MCL_ONFAULT) == 0;
    space_->set_prompt(prompt());
    if ((flags & MCL_CURRENT) == 0) return {};
    for (auto& [begin, v] : vmas_) {
      if (!v.locked && !v.huge_tlb) locked_bytes_ += v.size();
      v.locked = !v.huge_tlb;
      v.lock_on_fault = v.locked && lock_on_fault_;
      ranges.emplace_back(v.begin, v.end);
    }
    for (auto it = vmas_.begin(); it != vmas_.end();) it = std::next(vmas_.merge_around(it));
  }
  if ((flags & MCL_ONFAULT) == 0)
    for (const auto& [begin, end] : ranges) {
      (void)populate(begin, end, true, Absent::skip);
      propagate(begin, end);
    }
  return {};
}

Result<> AddressSpaceImpl::unlock_all() {
  Exclusive guard(*this);
  lock_future_ = false;
  locked_all_ = false;
  space_->set_prompt(prompt());
  for (auto& [begin, v] : vmas_) v.locked = v.lock_on_fault = false;
  locked_bytes_ = 0;
  for (auto it = vmas_.begin(); it != vmas_.end();) it = std::next(vmas_.merge_around(it));
  return {};
}

}  // namespace quire::mm
