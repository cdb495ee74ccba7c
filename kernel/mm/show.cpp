// Filling the stub's mappings from vmas, tables and objects.
#include <algorithm>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr unsigned most_runs = 32;     // of an object's pages that one show() maps
constexpr unsigned most_pieces = 256;  // of private memory that it maps

Access shown(Access a) { return a == Access::none ? a : a | Access::read; }

}  // namespace

bool AddressSpaceImpl::patched(const Vma& v) const {
  return v.is_private() && v.object != nullptr && v.object->patchable() && allows(v.access, Access::exec) &&
         !allows(v.access, Access::write);
}

void AddressSpaceImpl::call_trapped(GuestAddr address, const platform::TrappedCall& call) {
  Ref<ObjectImpl> object;
  u64 offset = 0;
  {
    SharedLockGuard guard(lock_);
    Vma* v = vmas_.find(address.value());
    if (v == nullptr || !patched(*v)) return;
    object = v->object;
    offset = v->object_offset(address.value());
  }
  object->call_trapped(offset, call);
}

platform::Ticket AddressSpaceImpl::revoke(u64 begin, u64 end) {
  count(manager_.counters.revocations);
  return space_->unmap({GuestAddr(begin), GuestAddr(end)});
}

void AddressSpaceImpl::map_span(Vma& v, const Span& s) {
  Access access = shown(v.access);
  if (!s.exclusive) access = access & ~Access::write;
  if (access == Access::none || s.stub_owned) return;
  if (allows(access, Access::write)) v.writable_in_stub = true;
  space_->map({GuestAddr(s.begin), GuestAddr(s.end)}, s.frame, access);
}

// Maps the part [begin, end) of the area that the run covers.
void AddressSpaceImpl::map_run(const Vma& v, u64 begin, u64 end, const ObjectImpl::Run& run, Access access) {
  const u64 from = std::max(begin, v.begin + run.first * page_size - v.offset);
  const u64 to = std::min(end, v.begin + run.end * page_size - v.offset);
  if (from >= to || access == Access::none) return;
  space_->map({GuestAddr(from), GuestAddr(to)}, run.at(v.object_offset(from) >> page_shift), access);
}

void AddressSpaceImpl::show_private(Vma& v, u64 begin, u64 end, const std::vector<ObjectImpl::Run>& runs) {
  // What is in many pieces is mapped as it is touched.
  unsigned pieces = 0;
  for (u64 a = begin; a < end && pieces < most_pieces; ++pieces) {
    const Span s = span_at(a, end, true);
    if (s.named)
      map_span(v, s);
    else
      for (const ObjectImpl::Run& run : runs)
        map_run(v, s.begin, s.end, run, shown(v.access) & ~Access::write);
    a = s.end;
  }
}

void AddressSpaceImpl::show(Vma& v, u64 begin, u64 end, bool name) {
  if (v.access == Access::none) return;
  std::vector<ObjectImpl::Run> runs;
  if (v.object != nullptr) {
    const u64 low = v.object_offset(begin) >> page_shift;
    const u64 high = v.object_offset(end - 1) / page_size + 1;
    if (!v.object->backed() && name) (void)v.object->reserve(low, std::min(high, v.object->page_count()));
    for (u64 at = low; runs.size() < most_runs || prompt();) {
      auto run = v.object->next_run(at, high, patched(v));
      if (!run || !*run) break;
      runs.push_back(**run);
      at = (*run)->end;
    }
  }
  if (v.shared) {
    // A file's pages become writable one after the other, so that the dirty ones are known.
    Access access = shown(v.access);
    if (v.object->backed() && allows(access, Access::write)) {
      if (v.locked && prompt())
        for (const ObjectImpl::Run& run : runs) v.object->mark_dirty(run.first, run.end);
      else
        access = access & ~Access::write;
    }
    for (const ObjectImpl::Run& run : runs) map_run(v, begin, end, run, access);
    return;
  }
  LockGuard tables(tables_lock_);
  if (v.anonymous() && name) {
    (void)tables_.name(begin, end, by_page(begin, end));
    // Large areas are shown window by window as they are touched: see ahead.cpp.
    if (end - begin >= ahead_least && !prompt()) end = std::min(end, round_up(begin, huge_size) + huge_size);
  }
  show_private(v, begin, end, runs);
}

}  // namespace quire::mm
