// mremap.
#include <sys/mman.h>

#include <algorithm>

#include "kernel/mm/space_impl.h"

namespace quire::mm {

// Moves [old_begin, old_begin + old_length), which lies in one area, to a free place, where it has
// new_length bytes. With `keep_old` the old area stays, empty (MREMAP_DONTUNMAP); with old_length 0 the
// area is mapped a second time (shared mappings only).
Result<GuestAddr> AddressSpaceImpl::move_area(u64 old_begin, u64 old_length, u64 new_begin, u64 new_length,
                                              bool keep_old, Dropped& dropped) {
  const u64 moved = std::min(old_length, new_length);
  Vma v = *vmas_.find(old_begin);
  v.offset = v.object_offset(old_begin);
  v.begin = new_begin;
  v.end = new_begin + new_length;
  v.writable_in_stub = false;
  if (old_length == 0) {
    add_area(std::move(v));
    return GuestAddr(new_begin);
  }
  const bool is_private = v.is_private();
  platform::Ticket ticket = revoke(old_begin, old_begin + old_length);
  {
    LockGuard tables(tables_lock_);
    if (is_private) {
      tables_.zap(new_begin, new_begin + new_length, PageTables::Keep::none, dropped.gather);
      TRY_VOID(tables_.move(old_begin, new_begin, moved));
    }
  }
  const bool was_locked = v.locked;
  if (v.huge_reserve != nullptr) {
    // The reservation moves along.
    vmas_.split_at(old_begin);
    vmas_.split_at(old_begin + old_length);
    vmas_.find(old_begin)->huge_reserve = nullptr;
  }
  // Before the old area goes: removing it lets go of names in its 2 MiB window that no area holds, and
  // the new one may lie in the same window.
  space_->wait(ticket);
  add_area(std::move(v));
  if (keep_old) {
    vmas_.find(old_begin)->locked = false;
    if (was_locked) locked_bytes_ -= old_length;
  } else {
    remove_range(old_begin, old_begin + old_length, dropped);
  }
  return GuestAddr(new_begin);
}

Result<GuestAddr> AddressSpaceImpl::remap(GuestAddr old_address, u64 old_length, u64 new_length, int flags,
                                          GuestAddr new_address) {
  const u64 old_begin = old_address.value();
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0) return err(EINVAL);
  const bool fixed = (flags & MREMAP_FIXED) != 0;
  const bool keep_old = (flags & MREMAP_DONTUNMAP) != 0;
  const bool may_move = (flags & MREMAP_MAYMOVE) != 0;
  if (fixed && !may_move) return err(EINVAL);
  if (keep_old && (!may_move || old_length != new_length)) return err(EINVAL);
  if (old_begin % page_size != 0) return err(EINVAL);
  old_length = round_up(old_length, page_size);
  new_length = round_up(new_length, page_size);
  if (new_length == 0) return err(EINVAL);
  if (fixed || keep_old) {
    const u64 target = new_address.value();
    if (target % page_size != 0) return err(EINVAL);
    if (new_length > limit() || target > limit() - new_length) return err(EINVAL);
    if (fixed && target + new_length > old_begin && old_begin + old_length > target) return err(EINVAL);
    if (fixed && target < lowest()) return err(EPERM);
  }
  reap();
  Dropped dropped(*this);
  u64 populate_begin = 0;
  u64 populate_end = 0;
  u64 result = 0;
  {
    Exclusive guard(*this);
    const Vma* v = vmas_.find(old_begin);
    if ((fixed || keep_old) && vmas_.count() + 3 >= limits_.max_maps) return err(ENOMEM);
    if (v == nullptr) return err(EFAULT);
    if (v->huge_tlb) {
      // Moving and shrinking only: what a larger area would need was not reserved.
      old_length = round_up(old_length, huge_size);
      new_length = round_up(new_length, huge_size);
      if (old_begin % huge_size != 0 || new_length > old_length || keep_old) return err(EINVAL);
      if (fixed && new_address.value() % huge_size != 0) return err(EINVAL);
    }
    if (fixed && cuts_huge_page(new_address.value(), new_address.value() + new_length)) return err(EINVAL);
    if (old_length == 0 && !v->shared) return err(EINVAL);
    // Shrinking in place only gives up what follows, whichever areas it belongs to.
    if (old_length >= new_length && !fixed && !keep_old) {
      if (old_length > limit() - old_begin) return err(EINVAL);
      if (cuts_huge_page(old_begin + new_length, old_begin + old_length)) return err(EINVAL);
      if (old_length > new_length) {
        TRY_VOID(settle_for_change(old_begin + new_length, old_begin + old_length, Reach::borders));
        remove_range(old_begin + new_length, old_begin + old_length, dropped);
      }
      return old_address;
    }
    if (std::min(old_length, new_length) > v->end - old_begin) return err(EFAULT);
    TRY_VOID(settle_for_change(old_begin, old_begin + old_length, Reach::all));
    if (fixed)
      TRY_VOID(settle_for_change(new_address.value(), new_address.value() + new_length, Reach::borders));
    const u64 growth = new_length > old_length ? new_length - old_length : 0;
    const u64 added = keep_old ? new_length : growth;
    if (v->object != nullptr && v->object_offset(old_begin) + new_length < v->object_offset(old_begin))
      return err(EINVAL);
    if (v->locked && (added > limits_.locked || locked_bytes_ > limits_.locked - added)) return err(EAGAIN);
    if (!may_add(added, v->charged)) return err(ENOMEM);
    if (v->charged && !v->no_reserve && !may_commit(growth)) return err(ENOMEM);
    const bool is_locked = v->locked && !v->lock_on_fault;
    if (fixed) {
      const u64 target = new_address.value();
      if (old_length > new_length) {
        remove_range(old_begin + new_length, old_begin + old_length, dropped);
        old_length = new_length;
      }
      remove_range(target, target + new_length, dropped);
      result = TRY(move_area(old_begin, old_length, target, new_length, keep_old, dropped)).value();
    } else {
      // In place, if the area ends where the old range does and what follows is free.
      const u64 old_end = old_begin + old_length;
      const u64 new_end = old_begin + new_length;
      if (!keep_old && old_length != 0 && v->end == old_end && new_end <= limit() && new_end > old_end &&
          !vmas_.overlaps(old_end, new_end)) {
        const auto next = vmas_.first_after(old_end);
        const bool guarded =
            next != vmas_.end() && next->second.grows_down && next->second.begin < new_end + stack_guard_gap;
        if (!guarded) {
          Vma tail = *v;
          tail.offset = v->object_offset(old_end);
          tail.begin = old_end;
          tail.end = new_end;
          tail.writable_in_stub = false;
          if (tail.is_private() && !tail.anonymous()) {
            LockGuard tables(tables_lock_);
            tables_.zap(old_end, new_end, PageTables::Keep::none, dropped.gather);
          }
          add_area(std::move(tail));
          result = old_begin;
        }
      }
      if (result == 0) {
        if (!may_move) return err(ENOMEM);
        MapRequest place;
        place.shared = v->shared;
        place.access = v->access;
        place.object = v->object;
        place.offset = v->offset;
        if (keep_old && new_address.value() != 0) place.address = new_address;
        u64 target = 0;
        // Large areas keep their place in the 2 MiB window, so that whole windows move.
        if (place.address.value() == 0 && new_length >= huge_size)
          target = vmas_.find_gap(new_length, lowest(), mmap_base_, huge_size, old_begin);
        if (target == 0) target = TRY(find_place(place, new_length));
        result = TRY(move_area(old_begin, old_length, target, new_length, keep_old, dropped)).value();
      }
    }
    if (is_locked && new_length > old_length) {
      populate_begin = result + old_length;
      populate_end = result + new_length;
    }
  }
  if (populate_begin != populate_end) (void)populate(populate_begin, populate_end, true, Absent::skip);
  propagate(result, result + new_length);
  return GuestAddr(result);
}

Result<> AddressSpaceImpl::remap_file_pages(GuestAddr address, u64 length, u64 offset) {
  const u64 begin = address.value();
  if (begin % page_size != 0 || begin > limit() || length > limit() - begin) return err(EINVAL);
  Dropped dropped(*this);
  Exclusive guard(*this);
  const Vma* found = vmas_.find(begin);
  if (found == nullptr || !found->shared || found->end < begin + length) return err(EINVAL);
  Vma v = *found;
  v.begin = begin;
  v.end = begin + length;
  v.offset = offset;
  remove_range(begin, begin + length, dropped);
  add_area(std::move(v));
  return {};
}

}  // namespace quire::mm
