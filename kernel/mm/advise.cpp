// madvise and msync.
#include <sys/mman.h>

#include <algorithm>

#include "kernel/mm/change_areas.h"
#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr int advice_populate_read = 22;
constexpr int advice_populate_write = 23;
constexpr int advice_dontneed_locked = 24;
constexpr int advice_collapse = 25;

bool known(int advice) {
  switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case advice_populate_read:
    case advice_populate_write:
    case advice_dontneed_locked:
    case advice_collapse:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool AddressSpaceImpl::mapped_whole(u64 begin, u64 end) const {
  u64 at = begin;
  for (auto it = vmas_.first_after(begin); at < end; ++it) {
    if (it == vmas_.end() || it->second.begin > at) return false;
    at = it->second.end;
  }
  return true;
}

// Private pages read as fresh afterwards: zeros, or the file's. Shared ones keep their contents.
Result<> AddressSpaceImpl::discard(Vma& v, u64 begin, u64 end, Dropped& dropped) {
  if (v.shared) return {};
  drop_private(begin, end);
  {
    LockGuard tables(tables_lock_);
    tables_.zap(begin, end, v.anonymous() ? PageTables::Keep::all : PageTables::Keep::none, dropped.gather);
  }
  if (dropped.gather.takes_names()) {
    space_->wait(revoke(begin, end));
    if (v.huge_reserve != nullptr) dropped.discarded.push_back(v);
  }
  dropped.gather.clear_now();
  return {};
}

Result<> AddressSpaceImpl::advise_area(Vma& v, int advice, Dropped& dropped) {
  switch (advice) {
    case MADV_DONTNEED:
      if (v.locked) return err(EINVAL);
      return discard(v, v.begin, v.end, dropped);
    case advice_dontneed_locked:
      return discard(v, v.begin, v.end, dropped);
    case MADV_FREE:
      if (!v.anonymous() || v.locked) return err(EINVAL);
      return discard(v, v.begin, v.end, dropped);
    case MADV_PAGEOUT:
    case MADV_COLD:
      if (v.locked || v.huge_tlb) return err(EINVAL);
      return {};
    case MADV_DONTFORK:
      v.dont_fork = true;
      return {};
    case MADV_DOFORK:
      v.dont_fork = false;
      return {};
    case MADV_WIPEONFORK:
      if (v.object != nullptr) return err(EINVAL);
      v.wipe_on_fork = true;
      return {};
    case MADV_KEEPONFORK:
      v.wipe_on_fork = false;
      return {};
    case MADV_DONTDUMP:
    case MADV_DODUMP:
      v.dont_dump = advice == MADV_DONTDUMP;
      return {};
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE: {
      v.advised_huge = advice == MADV_HUGEPAGE;
      v.advised_no_huge = !v.advised_huge;
      if (v.huge_tlb || !v.anonymous() || !v.advised_huge || huge_pages_off_) return {};
      LockGuard tables(tables_lock_);
      (void)tables_.name(v.begin, v.end, by_page(v.begin, v.end));
      // Their first touch is a fault again, which makes them huge (ahead.cpp).
      for (u64 w = round_up(v.begin, huge_size); w < v.end && v.end - w >= huge_size; w += huge_size)
        if (Span s; fresh_window(v, w, s)) revoke(w, w + huge_size);
      return {};
    }
    default:
      return {};
  }
}

Result<> AddressSpaceImpl::advise(GuestAddr address, u64 length, int advice) {
  const u64 begin = address.value();
  if (advice == 100 || advice == 101) return err(EPERM);  // MADV_HWPOISON, MADV_SOFT_OFFLINE
  if (!known(advice) || begin % page_size != 0) return err(EINVAL);
  const u64 rounded = round_up(length, page_size);
  if (length != 0 && rounded == 0) return err(EINVAL);
  u64 end = begin + rounded;
  if (end < begin) return err(EINVAL);
  if (end == begin) return {};
  reap();
  if (advice == advice_populate_read || advice == advice_populate_write)
    return populate(begin, end, advice == advice_populate_write, Absent::madvise);
  if (advice == MADV_REMOVE || advice == MADV_WILLNEED) {
    // These work on the object, with no lock of the address space.
    struct Part {
      Ref<ObjectImpl> object;
      u64 offset, length;
    };
    std::vector<Part> parts;
    bool hole = false;
    int refused = 0;
    {
      SharedLockGuard guard(lock_);
      hole = !mapped_whole(begin, end);
      for (auto it = vmas_.first_after(begin); it != vmas_.end() && it->second.begin < end; ++it) {
        const Vma& v = it->second;
        if (advice == MADV_REMOVE) {
          // What comes before the area at fault is done all the same.
          if (v.locked || v.object == nullptr)
            refused = EINVAL;
          else if (!v.shared || !allows(v.max_access, Access::write))
            refused = EACCES;
          else if (v.object->backed())
            refused = EOPNOTSUPP;
          if (refused != 0) break;
        }
        if (v.object == nullptr) continue;
        const u64 from = std::max(begin, v.begin);
        parts.push_back({v.object, v.object_offset(from), std::min(end, v.end) - from});
      }
    }
    for (const Part& p : parts) {
      if (advice == MADV_REMOVE)
        TRY_VOID(p.object->punch(p.offset, p.length));
      else if (p.object->backed())
        (void)p.object->fill(p.offset >> page_shift, false);
    }
    if (refused != 0) return err(refused);
    if (hole) return err(ENOMEM);
    return {};
  }
  Dropped dropped(*this);
  Exclusive guard(*this, Exclusive::Claim::none);
  guard.claim(begin, end);
  if (advice == MADV_DONTNEED || advice == advice_dontneed_locked) {
    // Of an area in huge pages only whole ones are dropped.
    const Vma* last = vmas_.find(end - 1);
    if (last != nullptr && last->huge_tlb) end = round_down(end, huge_size);
    if (begin >= end) return {};
  }
  TRY_VOID(settle_for_change(begin, end, Reach::borders));
  return change_areas(begin, end, false,
                      [&](Vma& v) REQUIRES(lock_) { return advise_area(v, advice, dropped); });
}

Result<> AddressSpaceImpl::sync(GuestAddr address, u64 length, int flags) {
  const u64 begin = address.value();
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0 || begin % page_size != 0) return err(EINVAL);
  if ((flags & MS_ASYNC) != 0 && (flags & MS_SYNC) != 0) return err(EINVAL);
  const u64 rounded = round_up(length, page_size);
  const u64 end = begin + rounded;
  if (end < begin) return err(ENOMEM);
  if (end == begin) return {};
  std::vector<Ref<ObjectImpl>> objects;
  bool hole = false;
  {
    SharedLockGuard guard(lock_);
    hole = !mapped_whole(begin, end);
    for (auto it = vmas_.first_after(begin); it != vmas_.end() && it->second.begin < end; ++it) {
      const Vma& v = it->second;
      if ((flags & MS_INVALIDATE) != 0 && v.locked) return err(EBUSY);
      if ((flags & MS_SYNC) != 0 && v.shared && v.object->backed()) objects.push_back(v.object);
    }
  }
  for (const auto& object : objects) TRY_VOID(object->write_back());
  if (hole) return err(ENOMEM);
  return {};
}

}  // namespace quire::mm
