// mmap, munmap and brk.
#include <algorithm>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr u64 eager_limit = u64{4} << 30;  // larger areas are named when they are touched
constexpr u64 low_limit = u64{1} << 31;    // MAP_32BIT: below this

bool accounted_as_data(const Vma& v) {
  return v.is_private() && allows(v.access, Access::write) && !v.grows_down;
}

}  // namespace

void AddressSpaceImpl::link(const Vma& v) {
  if (v.object != nullptr)
    v.object->add_mapper(this, v.size() >> page_shift, v.shared && allows(v.max_access, Access::write));
}

void AddressSpaceImpl::unlink(const Vma& v) {
  if (v.object != nullptr)
    v.object->remove_mapper(this, v.size() >> page_shift, v.shared && allows(v.max_access, Access::write));
}

bool AddressSpaceImpl::may_add(u64 bytes, bool data) const {
  if (bytes > limits_.address_space || total_bytes_ > limits_.address_space - bytes) return false;
  return !data || (bytes <= limits_.data && data_bytes_ <= limits_.data - bytes);
}

// As Linux guesses (vm.overcommit_memory 0): what is more than all memory was never meant.
bool AddressSpaceImpl::may_commit(u64 bytes) const { return bytes <= manager_.host_bytes(); }

void AddressSpaceImpl::account(const Vma& v, u64 bytes, bool add) {
  const u64 n = add ? bytes : ~bytes + 1;
  total_bytes_ += n;
  if (v.charged) data_bytes_ += n;
  if (v.locked) locked_bytes_ += n;
}

bool AddressSpaceImpl::private_area_in(u64 begin, u64 end) const {
  for (auto it = vmas_.first_after(begin); it != vmas_.end() && it->second.begin < end; ++it)
    if (it->second.is_private()) return true;
  return false;
}

// Whether the windows that the range touches also hold private pages of files: then a block must not be
// named as a whole, for an empty entry there stands for the file's page.
bool AddressSpaceImpl::by_page(u64 begin, u64 end) const {
  const u64 low = round_down(begin, huge_size);
  const u64 high = round_up(end, huge_size);
  for (auto it = vmas_.first_after(low); it != vmas_.end() && it->second.begin < high; ++it)
    if (it->second.is_private() && !it->second.anonymous()) return true;
  return false;
}

bool AddressSpaceImpl::by_page_entered(u64 begin, u64 end) const {
  return vmas_.any_in(round_down(begin, huge_size), round_up(end, huge_size),
                      [](const Vma& v) { return v.is_private() && !v.anonymous(); });
}

Result<u64> AddressSpaceImpl::find_place(const MapRequest& r, u64 length) {
  const bool huge = r.object != nullptr && r.object->huge();
  const u64 unit = huge ? huge_size : page_size;
  const u64 hint = r.address.value();
  if (r.fixed || r.no_replace) {
    if (hint > limit() || length > limit() - hint) return err(ENOMEM);
    if (hint % unit != 0) return err(EINVAL);
    if (hint < lowest()) return err(EPERM);
    if (r.no_replace && vmas_.overlaps(hint, hint + length)) return err(EEXIST);
    return hint;
  }
  u64 place = round_up(round_down(hint, page_size), unit);
  if (r.low_2g) {
    if (huge) {
      place = vmas_.find_gap_upwards(length + huge_size - page_size, lowest(), low_limit);
      if (place == 0) return err(ENOMEM);
      return round_up(place, huge_size);
    }
    place = vmas_.find_gap_upwards(length, std::max(lowest(), u64{1} << 30), low_limit);
    if (place == 0) place = vmas_.find_gap_upwards(length, lowest(), low_limit);
    if (place == 0) return err(ENOMEM);
    return place;
  }
  if (place != 0) {
    place = std::max(place, round_up(lowest(), unit));
    if (place < limit() && length <= limit() - place) {
      const auto next = vmas_.first_after(place);
      u64 end_of_gap = next == vmas_.end() ? limit() : next->second.begin;
      if (next != vmas_.end() && next->second.grows_down) end_of_gap -= std::min(end_of_gap, stack_guard_gap);
      if (place + length <= end_of_gap && !vmas_.overlaps(place, place + length)) return place;
    }
  }
  u64 alignment = page_size;
  u64 phase = 0;
  const bool writable_private = !r.shared && allows(r.access, Access::write);
  if (r.object != nullptr && length >= huge_size) {
    alignment = huge_size;  // congruent with the object's blocks, so that they can be mapped huge
    phase = r.offset;
  } else if ((manager_.policy().spread && writable_private) ||
             (r.object == nullptr && length % huge_size == 0)) {
    alignment = huge_size;  // the latter as Linux since 6.7: all of it can be huge
  }
  place = vmas_.find_gap(length, lowest(), mmap_base_, alignment, phase);
  if (place == 0 && alignment != page_size && !huge)
    place = vmas_.find_gap(length, lowest(), mmap_base_, page_size, 0);
  if (place == 0) {
    place = vmas_.find_gap_upwards(length + unit - page_size, std::max(lowest(), limit() / 3), limit());
    place = round_up(place, unit);
  }
  if (place == 0) return err(ENOMEM);
  return place;
}

void AddressSpaceImpl::add_area(Vma v) {
  link(v);
  account(v, v.size(), true);
  const u64 begin = v.begin;
  const u64 end = v.end;
  auto it = vmas_.insert(std::move(v));
  Vma& merged = it->second;
  if (end - begin <= eager_limit) show(merged, begin, end, true);
}

Result<GuestAddr> AddressSpaceImpl::map(const MapRequest& r) {
  if (r.length == 0) return err(EINVAL);
  const bool huge = r.object != nullptr && r.object->huge();
  const u64 unit = huge ? huge_size : page_size;
  const u64 length = round_up(r.length, unit);
  if (length == 0 || length > limit()) return err(ENOMEM);
  if (r.offset % unit != 0) return err(EINVAL);
  if (r.offset + length < r.offset) return err(EOVERFLOW);
  reap();
  Vma v;
  v.access = r.access;
  v.max_access = r.max_access;
  v.shared = r.shared;
  v.grows_down = r.grows_down && !r.shared;
  v.no_reserve = r.no_reserve;
  v.object = Ref<ObjectImpl>(static_cast<ObjectImpl*>(r.object.get()));
  v.offset = r.offset;
  v.device = r.device;
  v.inode = r.inode;
  v.keep_alive = r.keep_alive;
  if (!r.name.empty()) v.name = std::make_shared<const std::string>(r.name);
  v.charged = accounted_as_data(v);
  const bool writable_private = v.is_private() && allows(v.access, Access::write);
  const bool commits = !v.no_reserve && !huge && (writable_private || (v.shared && v.object == nullptr));
  if (v.shared && v.object == nullptr) {
    v.object = Ref<ObjectImpl>(
        static_cast<ObjectImpl*>(TRY(MemoryObject::create_anonymous(manager_, length)).get()));
    v.offset = 0;
    if (v.name == nullptr) v.name = std::make_shared<const std::string>("/dev/zero (deleted)");
  }
  Dropped dropped(*this);
  u64 begin = 0;
  bool locked = false;
  {
    Exclusive guard(*this, Exclusive::Claim::none);
    begin = TRY(find_place(r, length));
    const u64 end = begin + length;
    guard.claim(begin, end);
    if (r.locked && limits_.locked == 0) return err(EPERM);
    v.locked = (r.locked || lock_future_) && !huge;
    v.lock_on_fault = v.locked && lock_on_fault_;
    locked = v.locked && !v.lock_on_fault;
    if (cuts_huge_page(begin, end)) return err(EINVAL);
    if (vmas_.count() + vmas_.splits_needed(begin, end) >= limits_.max_maps) return err(ENOMEM);
    u64 replaced = 0;
    for (auto it = vmas_.first_after(begin); it != vmas_.end() && it->second.begin < end; ++it)
      replaced += std::min(end, it->second.end) - std::max(begin, it->second.begin);
    if (!may_add(length - replaced, v.charged)) return err(ENOMEM);
    if (commits && !may_commit(length)) return err(ENOMEM);
    if (v.locked && (length > limits_.locked || locked_bytes_ > limits_.locked - length)) return err(EAGAIN);
    if (replaced != 0) TRY_VOID(settle_for_change(begin, end, Reach::borders));
    if (huge) TRY_VOID(reserve_huge(v, allows(r.access, Access::write), length));
    if (replaced != 0) remove_range(begin, end, dropped);
    v.begin = begin;
    v.end = end;
    if (v.is_private() && !v.anonymous()) {
      LockGuard tables(tables_lock_);
      tables_.zap(begin, end, PageTables::Keep::none, dropped.gather);
    }
    add_area(std::move(v));
  }
  if (r.populate || locked)
    (void)populate(begin, begin + length, allows(r.access, Access::write) && !r.shared, Absent::skip);
  propagate(begin, begin + length);
  return GuestAddr(begin);
}

void AddressSpaceImpl::remove_range(u64 begin, u64 end, Dropped& dropped) {
  vmas_.split_at(begin);
  vmas_.split_at(end);
  auto it = vmas_.first_after(begin);
  if (it == vmas_.end() || it->second.begin >= end) return;
  drop_private(begin, end);
  bool any_private = false;
  u64 first = it->second.begin;
  u64 last = first;
  while (it != vmas_.end() && it->second.begin < end) {
    Vma& v = it->second;
    any_private |= v.is_private();
    last = v.end;
    unlink(v);
    account(v, v.size(), false);
    dropped.vmas.push_back(std::move(v));
    it = vmas_.erase(it);
  }
  vmas_.gap_opened(it == vmas_.end() ? limit() : it->second.begin);
  const platform::Ticket ticket = revoke(first, last);
  if (any_private) {
    // Names of pages that no area holds any more need not stay.
    if (const u64 low = round_down(first, huge_size); !private_area_in(low, first)) first = low;
    if (const u64 high = round_up(last, huge_size); !private_area_in(last, high)) last = high;
    LockGuard tables(tables_lock_);
    tables_.zap(first, last, PageTables::Keep::partial, dropped.gather);
  }
  space_->wait(ticket);
  dropped.gather.clear_now();
}

Result<> AddressSpaceImpl::unmap(GuestAddr address, u64 length) {
  const u64 begin = address.value();
  if (begin % page_size != 0 || begin > limit() || length > limit() - begin || length == 0)
    return err(EINVAL);
  const u64 end = begin + round_up(length, page_size);
  reap();
  Dropped dropped(*this);
  Exclusive guard(*this, Exclusive::Claim::none);
  guard.claim(begin, end);
  if (cuts_huge_page(begin, end)) return err(EINVAL);
  const Vma* whole = vmas_.find(begin);
  if (whole != nullptr && whole->begin < begin && whole->end > end && vmas_.count() >= limits_.max_maps)
    return err(ENOMEM);
  note_filled(begin, end);
  TRY_VOID(settle_for_change(begin, end, Reach::borders));
  remove_range(begin, end, dropped);
  return {};
}

void AddressSpaceImpl::set_brk_start(GuestAddr start) {
  Exclusive guard(*this, Exclusive::Claim::none);
  brk_begin_ = brk_end_ = start.value();
  layout_.brk_begin = start;
}

GuestAddr AddressSpaceImpl::brk(GuestAddr wanted) {
  Dropped dropped(*this);
  bool locked = false;
  u64 old_top = 0;
  u64 new_top = 0;
  {
    Exclusive guard(*this, Exclusive::Claim::none);
    const GuestAddr now(brk_end_);
    if (brk_begin_ < lowest() || wanted.value() < brk_begin_ || wanted.value() > limit()) return now;
    old_top = round_up(brk_end_, page_size);
    new_top = round_up(wanted.value(), page_size);
    guard.claim(std::min(old_top, new_top), std::max(old_top, new_top));
    if (new_top <= old_top) {
      if (new_top < old_top) {
        if (!settle_for_change(new_top, old_top, Reach::borders)) return now;
        remove_range(new_top, old_top, dropped);
      }
      brk_end_ = wanted.value();
      return wanted;
    }
    const u64 heap = wanted.value() - brk_begin_;
    const u64 data = layout_.data_end - layout_.data_begin;
    if (limits_.data != ~u64{0} && (heap > limits_.data || data > limits_.data - heap)) return now;
    const auto next = vmas_.first_after(old_top);
    if (next != vmas_.end()) {
      u64 ceiling = next->second.begin;
      ceiling -= std::min(ceiling, next->second.grows_down ? stack_guard_gap : page_size);
      if (new_top > ceiling) return now;
    }
    if (vmas_.count() >= limits_.max_maps || !may_add(new_top - old_top, true)) return now;
    if (lock_future_ &&
        (new_top - old_top > limits_.locked || locked_bytes_ > limits_.locked - (new_top - old_top)))
      return now;
    if (!may_commit(new_top - old_top)) return now;
    Vma v;
    v.begin = old_top;
    v.end = new_top;
    v.access = Access::read | Access::write;
    v.max_access = Access::read | Access::write | Access::exec;
    v.charged = true;
    v.locked = lock_future_;
    v.lock_on_fault = v.locked && lock_on_fault_;
    locked = v.locked && !v.lock_on_fault;
    static const auto heap_name = std::make_shared<const std::string>("[heap]");
    v.name = heap_name;
    add_area(std::move(v));
    brk_end_ = wanted.value();
  }
  if (locked) (void)populate(old_top, new_top, true, Absent::skip);
  propagate(old_top, new_top);
  return wanted;
}

void AddressSpaceImpl::set_limits(const Limits& limits) {
  Exclusive guard(*this, Exclusive::Claim::none);
  limits_ = limits;
}

void AddressSpaceImpl::set_program_layout(const ProgramLayout& layout) {
  Exclusive guard(*this, Exclusive::Claim::none);
  layout_ = layout;
}

ProgramLayout AddressSpaceImpl::program_layout() const {
  SharedLockGuard guard(lock_);
  return layout_;
}

void AddressSpaceImpl::set_mmap_base(GuestAddr base) {
  Exclusive guard(*this, Exclusive::Claim::none);
  mmap_base_ = std::min(base.value(), limit());
}

}  // namespace quire::mm
