// mprotect.
#include <sys/mman.h>

#include "kernel/mm/change_areas.h"
#include "kernel/mm/space_impl.h"

namespace quire::mm {

Result<> AddressSpaceImpl::protect_area(Vma& v, Access access, platform::Ticket& ticket) {
  if (!allows(v.max_access, access)) return err(EACCES);
  if (access == v.access) return {};
  const Access old = v.access;
  const bool was_patched = patched(v);
  if (v.is_private() && !v.charged && allows(access, Access::write) && !v.grows_down) {
    if (!may_add(0, false) || v.size() > limits_.data || data_bytes_ > limits_.data - v.size())
      return err(ENOMEM);
    if (!v.no_reserve && !v.huge_tlb && !may_commit(v.size())) return err(ENOMEM);
    v.charged = true;
    data_bytes_ += v.size();
  }
  v.access = access;
  if (old == Access::none) {
    show(v, v.begin, v.end, true);
    return {};
  }
  if (access == Access::none || was_patched != patched(v)) {
    ticket = revoke(v.begin, v.end);
    if (access != Access::none) show(v, v.begin, v.end, true);
    return {};
  }
  const Access full = access | Access::read;
  const Access base = full & ~Access::write;
  auto set = [&](u64 begin, u64 end, Access a) {
    const platform::Ticket t = space_->protect({GuestAddr(begin), GuestAddr(end)}, a);
    if (t.value() != 0) ticket = t;
  };
  if (full == base || v.shared) {
    // A file's pages gain the right to be written one by one, at their write faults.
    set(v.begin, v.end, v.shared && !v.object->backed() ? full : base);
    return {};
  }
  LockGuard tables(tables_lock_);
  if (v.anonymous()) (void)tables_.name(v.begin, v.end, by_page(v.begin, v.end));
  for (u64 a = v.begin; a < v.end;) {
    const Span s = span_at(a, v.end, true);
    const bool writable = s.named && s.exclusive;
    set(s.begin, s.end, writable ? full : base);
    v.writable_in_stub |= writable;
    a = s.end;
  }
  return {};
}

Result<> AddressSpaceImpl::protect(GuestAddr address, u64 length, Access access, int grows_flags) {
  u64 begin = address.value();
  if (grows_flags == (PROT_GROWSDOWN | PROT_GROWSUP) || begin % page_size != 0) return err(EINVAL);
  if (length == 0) return {};
  length = round_up(length, page_size);
  const u64 end = begin + length;
  if (end <= begin) return err(ENOMEM);
  if (end > limit()) return err(ENOMEM);
  reap();
  Result<> done{};
  {
    Exclusive guard(*this, Exclusive::Claim::none);
    const Vma* first = vmas_.find(begin);
    if (first == nullptr) {
      const auto next = vmas_.first_after(begin);
      if (grows_flags != PROT_GROWSDOWN || next == vmas_.end() || next->second.begin >= end)
        return err(ENOMEM);
      first = &next->second;
    }
    if (grows_flags == PROT_GROWSUP) return err(EINVAL);
    if (grows_flags == PROT_GROWSDOWN) {
      if (!first->grows_down) return err(EINVAL);
      begin = first->begin;
    }
    guard.claim(begin, end);
    TRY_VOID(settle_for_change(begin, end, Reach::all));
    platform::Ticket ticket{};
    done = change_areas(begin, end, true,
                        [&](Vma& v) REQUIRES(lock_) { return protect_area(v, access, ticket); });
    if (ticket.value() != 0) space_->wait(ticket);
  }
  if (prompt() && done && access != Access::none) {
    if (locked_all_) (void)populate(begin, end, true, Absent::skip);
    propagate(begin, end);
  }
  return done;
}

}  // namespace quire::mm
