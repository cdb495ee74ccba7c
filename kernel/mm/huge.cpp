// Areas in huge pages (hugetlb): checks, reservations, and the faults of private ones. Shared ones fault
// as any shared mapping does; their object has the pages.
#include <algorithm>

#include "kernel/mm/space_impl.h"

namespace quire::mm {

// Ranges may cut such an area only between its pages.
bool AddressSpaceImpl::cuts_huge_page(u64 begin, u64 end) const {
  for (const u64 at : {begin, end}) {
    const Vma* v = vmas_.find(at);
    if (v != nullptr && v->huge_tlb && v->begin < at && at % huge_size != 0) return true;
  }
  return false;
}

// A shared mapping reserves in its object, a private one for itself.
Result<> AddressSpaceImpl::reserve_huge(Vma& v, bool writable, u64 length) {
  v.huge_tlb = true;
  used_huge_pages_ = true;
  if (!v.no_reserve) {
    if (v.shared) {
      TRY_VOID(v.object->reserve_pages(v.offset, length));
    } else {
      const u64 first = v.offset / huge_size;
      const u64 pages = length / huge_size;
      TRY_VOID(manager_.huge_pages().reserve(pages, v.object->subpool().get()));
      v.huge_reserve =
          make_ref<HugeReserve>(manager_.huge_pages(), v.object->subpool(), first, first + pages);
    }
  }
  if (writable) v.object->extend(v.offset + length);
  return {};
}

Result<BlockNumber> AddressSpaceImpl::take_huge_page(const Vma& v, u64 window, bool reserved) {
  BlockNumber wanted = no_block;
  if (window > v.begin) {
    const Span before = tables_.span_at(window - huge_size, window);
    if (before.named) wanted = BlockNumber(block_of(before.frame).value() + 1);
  }
  return manager_.huge_pages().take(window / huge_size, wanted, v.object->subpool(), reserved);
}

AddressSpaceImpl::Step AddressSpaceImpl::fault_huge_private(Vma& v, u64 page, bool write, FillRequest& fill) {
  const u64 window = round_down(page, huge_size);
  const u64 index = v.object_offset(window) >> page_shift;
  std::optional<ObjectImpl::Run> run;
  if (auto found = v.object->run_around(index, index, index + pages_per_huge, false); found && *found)
    run = **found;
  LockGuard tables(tables_lock_);
  const Span s = tables_.span_at(window, window + huge_size);
  if (s.named && (!write || s.exclusive)) {
    count(manager_.counters.faults_refill);
    map_span(v, s);
    return Step::done;
  }
  if (!s.named && v.huge_lost) return Step::beyond_end;
  if (!s.named && !write && run) {
    map_run(v, window, window + huge_size, *run, (v.access | Access::read) & ~Access::write);
    return Step::done;
  }
  const u64 number = index / pages_per_huge;
  const bool reserved = !s.named && v.huge_reserve != nullptr && v.huge_reserve->use(number);
  auto block = take_huge_page(v, window, reserved);
  if (!block) {
    // Who reserved the page gets it back from the children that share it.
    if (!s.named || v.huge_reserve == nullptr) return Step::beyond_end;
    fill = {v.object, index, false, block_of(s.frame)};
    return Step::fill;
  }
  platform::Memory& memory = manager_.memory();
  const FrameNumber to = first_frame(*block);
  if (s.named || run) {
    const FrameNumber from = s.named ? s.frame : run->at(index);
    if (!memory.checked_copy(memory.at(to), memory.at(from), huge_size)) {
      manager_.pool().release_whole(*block, 1);
      return Step::out_of_memory;
    }
    count(manager_.counters.faults_cow);
    count(manager_.counters.cow_block);
  }
  Gather gather(manager_.pool(), manager_.tables());
  if (s.named) tables_.zap(window, window + huge_size, PageTables::Keep::none, gather);
  if (!gather.empty() || run) defer(revoke(window, window + huge_size), std::move(gather));
  tables_.name_block(window, *block);
  map_span(v, tables_.span_at(window, window + huge_size));
  return Step::done;
}

void AddressSpaceImpl::give_up_huge_page(u64 window, BlockNumber block) {
  Dropped dropped(*this);
  Exclusive guard(*this);
  Vma* v = vmas_.find(window);
  if (v == nullptr || !v->huge_tlb || v->shared) return;
  {
    LockGuard tables(tables_lock_);
    const Span s = tables_.span_at(window, window + huge_size);
    if (!s.named || block_of(s.frame) != block) return;
    tables_.zap(window, window + huge_size, PageTables::Keep::none, dropped.gather);
  }
  v->huge_lost = true;
  space_->wait(revoke(window, window + huge_size));
}

}  // namespace quire::mm
