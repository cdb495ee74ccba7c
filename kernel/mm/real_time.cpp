// Address spaces that take no lazy fault: those locked by mlockall, and those of a task that runs under
// SCHED_FIFO or SCHED_RR. What a change makes possible is shown to the stub at once, and a fork copies what
// is locked for the child instead of leaving the first writes of the parent to fault.
#include <algorithm>

#include "kernel/mm/space_impl.h"

namespace quire::mm {

void AddressSpaceImpl::set_real_time(bool on) {
  if (real_time_.exchange(on) == on) return;
  {
    // What was left to the host's copy-on-write comes back, and nothing more is.
    Exclusive guard(*this);
    space_->set_prompt(prompt());
    if (on) (void)settle_for_change(0, limit(), Reach::all);
  }
  if (on) propagate(0, limit());
}

// Brings the patched text of [begin, end) of a mapping in: guests run that copy, which the kernel's own
// touches of the area do not make present. Called with no lock held.
void AddressSpaceImpl::fill_text(const Ref<ObjectImpl>& object, u64 first, u64 end) {
  end = std::min(end, object->page_count());
  for (u64 i = first; i < end;) {
    auto run = object->run_around(i, i, end, true);
    if (run && *run)
      i = (*run)->end;
    else if (!run || !object->fill(i, true))
      return;
  }
}

void AddressSpaceImpl::propagate(u64 begin, u64 end) {
  if (!prompt()) return;
  for (u64 a = begin; a < end;) {
    Ref<ObjectImpl> text;
    u64 first = 0;
    u64 pages = 0;
    {
      SharedLockGuard guard(lock_);
      const auto it = vmas_.first_after(a);
      if (it == vmas_.end() || it->second.begin >= end) return;
      const Vma& v = it->second;
      a = std::max(a, v.begin);
      pages = (std::min(end, v.end) - a) >> page_shift;
      if (patched(v)) text = v.object;
      first = v.object_offset(a) >> page_shift;
    }
    if (text != nullptr) fill_text(text, first, first + pages);
    SharedLockGuard guard(lock_);
    Vma* v = vmas_.find(a);
    if (v == nullptr) continue;
    const u64 stop = std::min(end, v->end);
    show(*v, a, stop, false);
    if (v->locked) space_->make_resident({GuestAddr(a), GuestAddr(stop)});
    a = stop;
  }
}

// With both address spaces held for writing, and the parent's stub without the right to write what is
// shared. Where memory is short the rest stays shared, and is copied at the first write as ever.
void AddressSpaceImpl::copy_locked_for(AddressSpaceImpl& child) {
  LockGuard tables(tables_lock_);
  LockGuard child_tables(child.tables_lock_);
  for (auto& [begin, v] : vmas_) {
    if (!v.locked || !v.is_private() || v.dont_fork || !allows(v.access, Access::write)) continue;
    for (u64 a = v.begin; a < v.end;) {
      const u64 stop = std::min(v.end, round_down(a, huge_size) + huge_size);
      Gather gather(manager_.pool(), manager_.tables());
      if (!child.tables_.own(a, stop, gather)) return;
      // The child's stub has never shown them.
      gather.release();
      a = stop;
    }
    for (u64 a = v.begin; a < v.end;) {
      const Span s = span_at(a, v.end, true);
      a = s.end;
      if (!s.named || !s.exclusive) continue;
      (void)space_->protect({GuestAddr(s.begin), GuestAddr(s.end)}, v.access | Access::read);
      v.writable_in_stub = true;
    }
  }
}

}  // namespace quire::mm
