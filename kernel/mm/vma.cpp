#include "kernel/mm/vma.h"

#include <cassert>

namespace quire::mm {
namespace {

bool same_name(const Vma& a, const Vma& b) {
  return a.name == b.name || (a.name != nullptr && b.name != nullptr && *a.name == *b.name);
}

bool mergeable(const Vma& a, const Vma& b) {
  if (a.huge_tlb || b.huge_tlb) return false;  // as in Linux
  return a.end == b.begin && a.access == b.access && a.max_access == b.max_access && a.shared == b.shared &&
         a.grows_down == b.grows_down && a.locked == b.locked && a.lock_on_fault == b.lock_on_fault &&
         a.no_reserve == b.no_reserve && a.dont_fork == b.dont_fork && a.wipe_on_fork == b.wipe_on_fork &&
         a.dont_dump == b.dont_dump && a.advised_huge == b.advised_huge &&
         a.advised_no_huge == b.advised_no_huge && a.charged == b.charged && a.object == b.object &&
         a.keep_alive == b.keep_alive && a.device == b.device && a.inode == b.inode &&
         (a.object == nullptr || a.offset + a.size() == b.offset) && same_name(a, b);
}

}  // namespace

VmaInfo Vma::info() const {
  VmaInfo i;
  i.range = {GuestAddr(begin), GuestAddr(end)};
  i.access = access;
  i.max_access = max_access;
  i.shared = shared;
  i.grows_down = grows_down;
  i.locked = locked;
  i.no_reserve = no_reserve;
  i.huge_tlb = huge_tlb;
  i.dont_fork = dont_fork;
  i.wipe_on_fork = wipe_on_fork;
  i.dont_dump = dont_dump;
  i.lock_on_fault = lock_on_fault;
  i.advised_huge = advised_huge;
  i.advised_no_huge = advised_no_huge;
  i.huge_eligible = advised_huge && anonymous() && round_up(begin, huge_size) + huge_size <= end;
  i.offset = object != nullptr ? offset : 0;
  i.device = device;
  i.inode = inode;
  if (name != nullptr) i.name = *name;
  return i;
}

VmaMap::iterator VmaMap::first_after(u64 address) {
  auto it = map_.upper_bound(address);
  if (it != map_.begin()) {
    auto before = std::prev(it);
    if (before->second.end > address) return before;
  }
  return it;
}

VmaMap::const_iterator VmaMap::first_after(u64 address) const {
  auto it = map_.upper_bound(address);
  if (it != map_.begin()) {
    auto before = std::prev(it);
    if (before->second.end > address) return before;
  }
  return it;
}

Vma* VmaMap::find(u64 address) {
  auto it = first_after(address);
  return it != map_.end() && it->second.begin <= address ? &it->second : nullptr;
}

const Vma* VmaMap::find(u64 address) const {
  auto it = first_after(address);
  return it != map_.end() && it->second.begin <= address ? &it->second : nullptr;
}

bool VmaMap::overlaps(u64 begin, u64 end) const {
  auto it = first_after(begin);
  return it != map_.end() && it->second.begin < end;
}

void VmaMap::split_at(u64 address) {
  Vma* v = find(address);
  if (v == nullptr || v->begin == address) return;
  LockGuard guard(index_);
  Vma high = *v;
  high.begin = address;
  if (high.object != nullptr) high.offset = v->object_offset(address);
  v->end = address;
  map_.emplace(address, std::move(high));
}

unsigned VmaMap::splits_needed(u64 begin, u64 end) const {
  const Vma* a = find(begin);
  const Vma* b = find(end);
  return (a != nullptr && a->begin != begin ? 1u : 0u) + (b != nullptr && b->begin != end ? 1u : 0u);
}

VmaMap::iterator VmaMap::insert(Vma vma) {
  assert(vma.begin < vma.end && !overlaps(vma.begin, vma.end));
  const u64 key = vma.begin;
  LockGuard guard(index_);
  vma.use.written_by = writing_;
  return merge_locked(map_.emplace(key, std::move(vma)).first);
}

VmaMap::iterator VmaMap::merge_around(iterator it) {
  LockGuard guard(index_);
  return merge_locked(it);
}

Vma* VmaMap::enter(u64 address) {
  SharedLockGuard guard(index_);
  Vma* v = find(address);
  if (v == nullptr || v->use.written_by == writing_) return nullptr;
  v->use.readers.fetch_add(1);
  return v;
}

void VmaMap::claim(u64 begin, u64 end) {
  LockGuard guard(index_);
  for (auto it = first_after(begin == 0 ? 0 : begin - 1); it != map_.end() && it->second.begin <= end; ++it)
    it->second.use.written_by = writing_;
}

bool VmaMap::busy(u64 begin, u64 end) const {
  for (auto it = first_after(begin == 0 ? 0 : begin - 1); it != map_.end() && it->second.begin <= end; ++it)
    if (it->second.use.readers.load() != 0) return true;
  return false;
}

void VmaMap::release_claims() {
  LockGuard guard(index_);
  ++writing_;
}

VmaMap::iterator VmaMap::merge_locked(iterator it) {
  for (auto next = std::next(it); next != map_.end() && mergeable(it->second, next->second);
       next = std::next(it)) {
    // Whoever changes areas has claimed the neighbours too.
    assert(it->second.use.readers == 0 && next->second.use.readers == 0);
    it->second.end = next->second.end;
    it->second.writable_in_stub |= next->second.writable_in_stub;
    map_.erase(next);
  }
  if (it != map_.begin()) {
    auto before = std::prev(it);
    if (mergeable(before->second, it->second)) {
      assert(before->second.use.readers == 0 && it->second.use.readers == 0);
      before->second.end = it->second.end;
      before->second.writable_in_stub |= it->second.writable_in_stub;
      map_.erase(it);
      it = before;
    }
  }
  return it;
}

void VmaMap::gap_opened(u64 end_of_gap) {
  if (end_of_gap > hint_) hint_ = hint_top_;  // forget: the search starts at the top again
}

u64 VmaMap::find_gap(u64 length, u64 bottom, u64 top, u64 alignment, u64 phase) {
  u64 ceiling = top;  // the gap looked at ends here
  if (hint_top_ == top && length >= hint_length_ && hint_ < top && alignment == page_size) ceiling = hint_;
  auto it = map_.lower_bound(ceiling);
  while (it != map_.begin()) {
    const Vma& below = std::prev(it)->second;
    const u64 floor = std::max(below.end, bottom);
    if (below.begin < ceiling && below.end > ceiling) {  // the ceiling lies inside it
      ceiling = below.begin;
      if (below.grows_down) ceiling -= std::min(ceiling, stack_guard_gap);
      --it;
      continue;
    }
    if (ceiling > floor && ceiling - floor >= length) {
      const u64 place = ceiling - length - ((ceiling - length - phase) & (alignment - 1));
      if (place >= floor && place <= ceiling - length) {
        if (alignment == page_size) {
          hint_ = place;
          hint_top_ = top;
          hint_length_ = length;
        }
        return place;
      }
    }
    if (below.begin <= bottom) return 0;
    ceiling = std::min(ceiling, below.begin);
    if (below.grows_down) ceiling -= std::min(ceiling, stack_guard_gap);
    --it;
  }
  if (ceiling > bottom && ceiling - bottom >= length) {
    const u64 place = ceiling - length - ((ceiling - length - phase) & (alignment - 1));
    if (place >= bottom && place <= ceiling - length) return place;
  }
  return 0;
}

u64 VmaMap::find_gap_upwards(u64 length, u64 bottom, u64 top) const {
  u64 at = bottom;
  for (auto it = first_after(bottom); it != map_.end() && it->second.begin < top; ++it) {
    u64 limit = it->second.begin;
    if (it->second.grows_down) limit -= std::min(limit, stack_guard_gap);
    if (limit > at && limit - at >= length) return at;
    at = std::max(at, it->second.end);
  }
  return at < top && top - at >= length ? at : 0;
}

}  // namespace quire::mm
