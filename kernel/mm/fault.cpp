// Page faults: of guests, and of the kernel's own copies on their behalf.
//
// A fault looks the page up and asks the stub to map it with as much around it as is alike. Input from
// a file happens with no lock held; then the fault starts anew.
#include <csignal>

#include <algorithm>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr u64 dear_piece = 4 * page_size;  // or of this, where a page to copy to is dear
constexpr u64 dear_page_ns = 8000;         // so many of the rest cost more than another fault
constexpr unsigned dense_breaks = 16;      // so many in a window, and the rest is copied at once
constexpr u64 forward = u64{64} << 20;     // how far beyond the window a run is mapped
constexpr u64 name_ahead = u64{1} << 30;   // how much of a huge area is named at a time
constexpr u64 in_order_ahead = u64{64}
                               << 20;  // the same, where it need not be used at all but is filled in order

constexpr u32 most_walked = 64;  // small areas that one fault serves

bool walkable(const Vma& v) { return v.size() < cow_piece && v.is_private() && v.anonymous(); }

u64 window_begin(const Vma& v, u64 page) { return std::max(v.begin, round_down(page, huge_size)); }
u64 window_end(const Vma& v, u64 page) { return std::min(v.end, round_down(page, huge_size) + huge_size); }

}  // namespace

AddressSpaceImpl::Step AddressSpaceImpl::fault_in(Vma& v, u64 page, bool write, By by, FillRequest& fill) {
  const bool force = by == By::debugger;
  if (!force && !v.permits(write ? Access::write : Access::read)) return Step::no_access;
  if (force && write && v.shared && !allows(v.access, Access::write)) return Step::no_access;
  if (v.object != nullptr && v.object_offset(page) >> page_shift >= v.object->page_count())
    return Step::beyond_end;
  if (v.huge_tlb && !v.shared) return fault_huge_private(v, page, write, fill);
  return v.shared ? fault_shared(v, page, write, fill) : fault_private(v, page, write, by, fill);
}

AddressSpaceImpl::Step AddressSpaceImpl::fault_shared(Vma& v, u64 page, bool write, FillRequest& fill) {
  const u64 index = v.object_offset(page) >> page_shift;
  const u64 low = v.offset >> page_shift;
  auto found = v.object->run_around(index, low, low + (v.size() >> page_shift), false);
  if (!found) return Step::out_of_memory;
  if (!*found) {
    fill = {v.object, index, false};
    return Step::fill;
  }
  ObjectImpl::Run run = **found;
  Access access = v.access == Access::none ? v.access : v.access | Access::read;
  u64 begin = v.begin;
  u64 end = v.end;
  if (v.object->backed()) {
    if (write) {
      begin = std::max(begin, round_down(page, cow_piece));
      end = std::min(end, round_down(page, cow_piece) + cow_piece);
      const u64 first = std::max(run.first, v.object_offset(begin) >> page_shift);
      const u64 last = std::min(run.end, v.object_offset(end) >> page_shift);
      v.object->mark_dirty(first, last);
    } else {
      access = access & ~Access::write;
    }
  }
  map_run(v, begin, end, run, access);
  return Step::done;
}

AddressSpaceImpl::Step AddressSpaceImpl::fault_private(Vma& v, u64 page, bool write, By by,
                                                       FillRequest& fill) {
  if (refill(v, page, write)) return Step::done;
  std::vector<ObjectImpl::Run> runs;
  const bool use_patched = !write && by == By::guest && patched(v);
  u64 index = 0;
  if (v.object != nullptr) {
    index = v.object_offset(page) >> page_shift;
    const u64 low = v.offset >> page_shift;
    auto found = v.object->run_around(index, low, low + (v.size() >> page_shift), use_patched);
    if (!found) return Step::out_of_memory;
    if (*found) runs.push_back(**found);
  }
  LockGuard tables(tables_lock_);
  await_window(page);
  Span s = span_at(page, page + page_size);
  if (!s.named && v.object != nullptr) {
    if (runs.empty()) {
      fill = {v.object, index, use_patched};
      return Step::fill;
    }
    if (write) return copy_from_object(v, page, runs[0]);
    if (by != By::guest && patched(v))
      return Step::done;  // present for the kernel; the stub shows the other copy
    const u64 begin = std::max(v.begin, v.begin + runs[0].first * page_size - v.offset);
    const u64 end = std::min(v.end, v.begin + runs[0].end * page_size - v.offset);
    // Only the object's pages: what is named in between stays as it is mapped.
    for (u64 a = begin; a < end;) {
      s = span_at(a, end, true);
      if (!s.named) map_run(v, s.begin, s.end, runs[0], (v.access | Access::read) & ~Access::write);
      a = s.end;
    }
    return Step::done;
  }
  if (!s.named) {
    u64 begin = window_begin(v, page);
    u64 end = window_end(v, page);
    if (v.size() >= 2 * name_ahead && !v.no_reserve) {
      begin = std::max(v.begin, round_down(page, name_ahead));
      end = std::min(v.end, round_down(page, name_ahead) + name_ahead);
    } else if (by_window(v) && begin % huge_size == 0 && filled_window(v, begin - huge_size, most_left_out)) {
      end = std::min(v.end, begin + in_order_ahead);  // filled in order: the next ones too
    }
    tables.unlock();
    const bool pages_only = by_page_entered(begin, end);
    tables.lock();
    if (!tables_.name(begin, end, pages_only)) return Step::out_of_memory;
    count(manager_.counters.faults_minor);
    if (s = span_at(page, page + page_size); !s.exclusive || !fill_ahead(v, page))
      show_private(v, begin, end, {});
    return Step::done;
  }
  if (s.stub_owned) {
    const auto at = private_at(page);
    if (by == By::guest) {
      if (!write) return Step::done;
      if (at->second.state != PrivateRange::State::clean) {
        let_write(v, at);
        return Step::done;
      }
      const Span below = tables_.span_at(s.begin, s.end);
      if (!in_order(v, page) && !(below.exclusive && below.end == s.end)) {
        let_write(v, at);
        return Step::done;
      }
      forget_private(at);
      s = span_at(page, page + page_size);
    } else {
      if (auto settled = settle(v, page, page + page_size); !settled)
        return settled.error() == Errno(ESRCH) ? Step::lost : Step::out_of_memory;
      return Step::done;
    }
  }
  if (write && !s.exclusive) {
    if (by == By::guest && by_pieces_ == 0 && !in_order(v, page) && make_private(v, page)) {
      count(manager_.counters.faults_cow);
      return Step::done;
    }
    return break_cow(v, page);
  }
  count(manager_.counters.faults_refill);
  if (!s.exclusive || !fill_ahead(v, page)) show_run(v, page);
  return Step::done;
}

// The whole run that the page belongs to, from the window's begin to some way beyond it.
void AddressSpaceImpl::show_run(Vma& v, u64 page) {
  const u64 end = run_limit(page, std::min(v.end, page + forward));
  Span s;
  for (u64 a = window_begin(v, page); a <= page; a = s.end) s = span_at(a, end, true);
  map_span(v, s);
}

bool AddressSpaceImpl::refill(Vma& v, u64 page, bool write) {
  SharedLockGuard tables(tables_lock_);
  if (being_copied(page)) return false;
  const Span s = span_at(page, page + page_size);
  if (!s.named || s.stub_owned || (write && !s.exclusive)) return false;
  if (write && show_watched(v, page, s)) {
    // Nothing else is shown.
  } else if (s.exclusive && by_window(v)) {
    if (!show_touched(v, page)) return false;
  } else {
    show_run(v, page);
  }
  count(manager_.counters.faults_refill);
  return true;
}

// A guest that writes to the begin of one window after the other will write to all of each.
bool AddressSpaceImpl::in_order(const Vma& v, u64 page) {
  const u64 window = round_down(page, huge_size);
  return manager_.policy().cow == Policy::Cow::adaptive && page - window < cow_piece &&
         v.cow_window + huge_size == window && window >= v.begin && window + huge_size <= v.end &&
         written_wholly(v.cow_window);
}

AddressSpaceImpl::Step AddressSpaceImpl::break_cow(Vma& v, u64 page) {
  u64 piece = cow_piece;
  switch (manager_.policy().cow) {
    case Policy::Cow::page:
      piece = page_size;
      break;
    case Policy::Cow::block:
      piece = huge_size;
      break;
    default:
      if (tables_.breaks(page) >= dense_breaks || in_order(v, page))
        piece = huge_size;
      else if (manager_.tables().page_cost.ns() > dear_page_ns)
        piece = dear_piece;
  }
  u64 begin = std::max(v.begin, round_down(page, piece));
  u64 end = std::min(v.end, round_down(page, piece) + piece);
  clip_to_frames(page, begin, end);
  Gather gather(manager_.pool(), manager_.tables());
  Result<> owned{};
  {
    CopyingWindow copying(*this, page);
    owned = tables_.own(begin, end, gather, &tables_lock_);
    if (!owned && end - begin > page_size) owned = tables_.own(page, page + page_size, gather, &tables_lock_);
  }
  v.cow_window = round_down(page, huge_size);
  count(piece == huge_size ? manager_.counters.cow_block : manager_.counters.cow_page);
  if (owned && (piece == cow_piece || piece == dear_piece)) hot_->note({GuestAddr(begin), GuestAddr(end)});
  // The old frames are given up once the stub has lost them; the new ones follow in the same queue.
  if (!gather.empty()) defer(revoke(begin, end), std::move(gather));
  for (u64 a = begin; a < end;) {
    const Span s = span_at(a, end, true);
    if (s.named) map_span(v, s);
    a = s.end;
  }
  if (!owned) return Step::out_of_memory;
  count(manager_.counters.faults_cow);
  return Step::done;
}

// The first write to pages of a private file mapping. Of a file on the host its neighbours that are
// present are copied too, for the next writes (a program's data is relocated page by page); memory that
// processes share may change at any time, and is copied only where it is written.
AddressSpaceImpl::Step AddressSpaceImpl::copy_from_object(Vma& v, u64 page, const ObjectImpl::Run& run) {
  const bool alone = !v.object->backed() || manager_.policy().cow == Policy::Cow::page;
  const u64 piece = alone ? page_size : cow_piece;
  const u64 run_begin = v.begin + run.first * page_size - v.offset;
  const u64 run_end = v.begin + run.end * page_size - v.offset;
  const u64 begin = std::max(run_begin, round_down(page, piece));
  const u64 end = std::min(run_end, round_down(page, piece) + piece);
  platform::Memory& memory = manager_.memory();
  bool copied = true;
  {
    CopyingWindow copying(*this, page);
    for (u64 a = begin; a < end && copied; a += page_size) {
      if (span_at(a, a + page_size).named) continue;
      auto frame = tables_.name_page(a);
      if (!frame) return Step::out_of_memory;
      const FrameNumber from = run.at(v.object_offset(a) >> page_shift);
      tables_lock_.unlock();
      copied = memory.copy_to_holes(from, *frame, PageCount(1)).has_value();
      tables_lock_.lock();
      if (copied) continue;
      Gather undo(manager_.pool(), manager_.tables());
      tables_.zap(a, a + page_size, PageTables::Keep::none, undo);
      if (a > page) break;
      return Step::out_of_memory;
    }
  }
  count(manager_.counters.faults_cow);
  count(manager_.counters.cow_page);
  for (u64 a = begin; a < end;) {
    const Span s = span_at(a, end);
    if (s.named) map_span(v, s);
    a = s.end;
  }
  return Step::done;
}

AddressSpaceImpl::Step AddressSpaceImpl::fault_once(u64 address, Access access, By by, FillRequest& fill) {
  AreaReader reader(*this, address);
  Vma* v = reader.area();
  if (v == nullptr) return Step::no_area;
  if (by != By::debugger && !v->permits(access)) return Step::no_access;
  const u64 page = round_down(address, page_size);
  const bool write = allows(access, Access::write);
  const Step step = fault_in(*v, page, write, by, fill);
  if (step == Step::done && by == By::guest && walkable(*v)) walk_on(reader, page, write);
  return step;
}

// Small areas are a mapping of the stub each, and a guest that goes through many of them in order would fault
// at every one. So each fault of such a walk serves twice as many areas as the last.
void AddressSpaceImpl::walk_on(AreaReader& reader, u64 page, bool write) {
  const u64 expected = walk_next_.load(std::memory_order_relaxed);
  const u32 areas = page >= expected && page - expected < cow_piece
                        ? std::min(most_walked, 2 * walk_areas_.load(std::memory_order_relaxed) + 1)
                        : 0;
  u64 at = reader.area()->end;
  for (u32 i = 0; i < areas; ++i) {
    Vma* v = reader.move_to(at);
    if (v == nullptr || v->begin != at || !walkable(*v)) break;
    at = v->end;
    FillRequest fill;
    if (v->permits(Access::read) &&
        fault_in(*v, v->begin, write && v->permits(Access::write), By::guest, fill) != Step::done)
      break;
  }
  walk_areas_.store(areas, std::memory_order_relaxed);
  walk_next_.store(at, std::memory_order_relaxed);
}

FaultOutcome AddressSpaceImpl::fault_page(u64 address, Access access, By by) {
  FaultOutcome outcome;
  if (address >= limit()) return {.signo = SIGSEGV, .code = SEGV_MAPERR};
  for (unsigned memory_tries = 0;;) {
    FillRequest fill;
    switch (fault_once(address, access, by, fill)) {
      case Step::done:
        count(outcome.major ? manager_.counters.faults_major : manager_.counters.faults_minor);
        reap();
        return outcome;
      case Step::fill: {
        outcome.major = fill.object->backed();
        if (fill.taken_back != no_block) {
          if (memory_tries++ == 3) return {.signo = SIGBUS, .code = BUS_ADRERR};
          fill.object->give_up_elsewhere(fill.taken_back, this);
          break;
        }
        const auto filled = fill.object->fill(fill.index, fill.patched);
        if (filled) break;
        if (filled.error() == Errno(ENOMEM) && memory_tries++ < 3 && manager_.out_of_memory()) break;
        outcome.signo = SIGBUS;
        outcome.code = BUS_ADRERR;
        return outcome;
      }
      case Step::no_area:
        if (grow_stack(address)) break;
        return {.signo = SIGSEGV, .code = SEGV_MAPERR};
      case Step::no_access:
        return {.signo = SIGSEGV, .code = SEGV_ACCERR};
      case Step::beyond_end:
        return {.signo = SIGBUS, .code = BUS_ADRERR};
      case Step::lost:
        return {.signo = SIGKILL};
      case Step::out_of_memory:
        if (memory_tries++ < 3 && manager_.out_of_memory()) break;
        return {.signo = SIGKILL, .code = 0, .out_of_memory = true};
    }
  }
}

FaultOutcome AddressSpaceImpl::fault(GuestAddr address, Access access, GuestAddr) {
  return fault_page(address.value(), access == Access::none ? Access::read : access, By::guest);
}

bool AddressSpaceImpl::grow_stack(u64 address) {
  Exclusive guard(*this, Exclusive::Claim::none);
  if (vmas_.find(address) != nullptr) return true;  // another thread was quicker
  const auto it = vmas_.first_after(address);
  if (it == vmas_.end() || !it->second.grows_down) return false;
  const u64 begin = round_down(address, page_size);
  const u64 grown = it->second.begin - begin;
  if (begin < lowest() || it->second.end - begin > limits_.stack) return false;
  if (!may_add(grown, false)) return false;
  if (it->second.locked && (grown > limits_.locked || locked_bytes_ > limits_.locked - grown)) return false;
  if (it != vmas_.begin()) {
    const Vma& below = std::prev(it)->second;
    if (below.access != Access::none && !below.grows_down && below.end + stack_guard_gap > begin)
      return false;
  }
  guard.claim(begin, it->second.end);
  Vma v = it->second;
  unlink(v);
  account(v, v.size(), false);
  vmas_.erase(it);
  const u64 old = v.begin;
  if (v.object != nullptr) v.offset -= std::min(v.offset, grown);
  v.begin = begin;
  link(v);
  account(v, v.size(), true);
  auto placed = vmas_.insert(std::move(v));
  show(placed->second, begin, old, true);
  return true;
}

void AddressSpaceImpl::defer(platform::Ticket ticket, Gather&& gather) {
  deferred_.push_back({ticket, std::move(gather)});
  defers_ = true;
}

void AddressSpaceImpl::reap() {
  if (!defers_) return;
  std::vector<Gather> ready;
  LockGuard tables(tables_lock_);
  while (!deferred_.empty() && space_->done(deferred_.front().ticket)) {
    ready.push_back(std::move(deferred_.front().gather));
    deferred_.pop_front();
  }
  defers_ = !deferred_.empty();
  tables.unlock();
}

}  // namespace quire::mm
