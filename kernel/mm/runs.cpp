// Which frames an address space shows, and what it shares of its page tables: for /proc/PID/frames.
#include <algorithm>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr u64 look_most = u64{64} << 20;  // looked up under the page-table lock at a time

/// The highest table on the path to an address that more than one parent names.
void find_shared_table(const PageTables& tables, u64 address, MemoryRun& run) {
  const Table* t = &tables.root();
  while (t->level > 1) {
    const Entry e = t->entries[entry_index(address, t->level)];
    if (!e.names_table()) return;
    t = e.table();
    if (const u32 n = t->count.load(std::memory_order_acquire); n > 1) {
      run.shared_level = t->level;
      run.shared_by = n;
      return;
    }
  }
}

}  // namespace

std::vector<MemoryRun> AddressSpaceImpl::runs_of(const Vma& v) const {
  std::vector<MemoryRun> found;
  auto of_object = [&](u64 begin, u64 end, bool use_patched) {
    const u64 high = v.object_offset(end - 1) / page_size + 1;
    for (u64 at = v.object_offset(begin) >> page_shift; at < high;) {
      const auto run = v.object->next_run(at, high, use_patched);
      if (!run || !*run) return;
      const u64 from = v.begin + (*run)->first * page_size - v.offset;
      const u64 pages = (*run)->end - (*run)->first;
      found.push_back({.range = {GuestAddr(from), GuestAddr(from + pages * page_size)},
                       .frame = (*run)->frame,
                       .pages = manager_.pool().with_data((*run)->frame, pages),
                       .of_object = true});
      at = (*run)->end;
    }
  };
  if (v.shared) {
    of_object(v.begin, v.end, false);
    return found;
  }
  for (u64 a = v.begin; a < v.end;) {
    Span s;
    MemoryRun run;
    {
      LockGuard tables(tables_lock_);
      s = span_at(a, std::min(v.end, a + look_most), true);
      if (s.named) find_shared_table(tables_, a, run);
    }
    a = s.end;
    if (s.named) {
      run.range = {GuestAddr(s.begin), GuestAddr(s.end)};
      run.frame = s.frame;
      run.pages = manager_.pool().with_data(s.frame, (s.end - s.begin) >> page_shift);
      if (run.pages != 0) found.push_back(run);
    } else if (v.object != nullptr) {
      of_object(s.begin, s.end, patched(v));
    }
  }
  return found;
}

void AddressSpaceImpl::for_each_run(const std::function<bool(const MemoryRun&)>& visit) const {
  for (u64 at = 0;;) {
    std::vector<MemoryRun> found;
    {
      SharedLockGuard guard(lock_);
      const auto it = vmas_.first_after(at);
      if (it == vmas_.end()) return;
      found = runs_of(it->second);
      at = it->second.end;
    }
    for (const MemoryRun& r : found)
      if (!visit(r)) return;
  }
}

}  // namespace quire::mm
