// Huge pages ahead of a guest that fills its memory in order.
//
// The host gives a touched hole of the memory file 4 KiB, unless the window was advised before the
// touch; making it huge afterwards costs milliseconds. A program may fork the moment it has filled its
// memory, and forking is cheap only over huge pages. So a large area is shown to the stub window by
// window. Where a window was filled and the next is then touched at its begin, some windows more are
// given huge pages at once, and shown but for a piece at their end: the fault there says that the guest
// did fill them, and the next run may be longer. What is prepared in vain is at most a quarter of what
// was filled before.
//
// A program that fills memory in no order and unmaps it, and then maps some anew (large buffers of an
// allocator are like that), will fill that as well: as many windows as it has given back filled are made huge
// at their first touch. So it has never more than it had before.
#include <algorithm>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr u64 probe = 64u << 10;        // left out at the end of what was prepared
constexpr u32 credit_for_one = 4;       // windows filled in order elsewhere, for the first of another run
constexpr u32 most_windows = 8;         // prepared at once
constexpr u32 most_filled = 512;        // windows given back filled that are counted
constexpr u32 long_run = 32;            // windows filled in order after which the first is worth collapsing
constexpr u64 forward = u64{64} << 20;  // how far beyond a fault memory that has data is shown

// The last of what was shown ahead of the guest: there a fault tells that it has come so far.
bool ends_prepared(const Vma& v, u64 page) {
  return v.ahead_end != 0 && page >= v.ahead_end - probe && page < v.ahead_end;
}

}  // namespace

// The area is shown window by window, as they are touched.
bool AddressSpaceImpl::by_window(const Vma& v) const {
  return v.anonymous() && v.is_private() && (v.size() >= ahead_least || v.advised_huge);
}

// The window lies in the area, is exclusively ours as one run, and nobody has touched it.
bool AddressSpaceImpl::fresh_window(const Vma& v, u64 window, Span& s) const {
  if (window < v.begin || v.end - window < huge_size || window > v.end) return false;
  s = span_at(window, window + huge_size);
  if (!s.named || !s.exclusive || s.end != window + huge_size) return false;
  const FrameNumber end = s.frame + pages_per_huge;
  return manager_.memory().next_data(s.frame, end) == end;
}

// The window lies in the area, is exclusively ours as one run, and all but `left_out` pages have been
// touched.
bool AddressSpaceImpl::filled_window(const Vma& v, u64 window, u64 left_out) {
  if (window < v.begin || v.end - window < huge_size) return false;
  const Span s = span_at(window, window + huge_size);
  return s.named && s.exclusive && s.end == window + huge_size &&
         manager_.pool().with_data(s.frame, pages_per_huge) >= pages_per_huge - left_out;
}

void AddressSpaceImpl::note_filled(u64 begin, u64 end) {
  LockGuard tables(tables_lock_);
  for (auto it = vmas_.first_after(begin); it != vmas_.end() && it->second.begin < end; ++it) {
    const Vma& v = it->second;
    if (!by_window(v)) continue;
    const u64 last = std::min(end, v.end);
    for (u64 w = round_up(std::max(begin, v.begin), huge_size);
         w + huge_size <= last && filled_before_ < most_filled; w += huge_size)
      filled_before_ += filled_window(v, w);
  }
}

// Gives windows that nobody has touched huge pages, if the host can.
void AddressSpaceImpl::make_huge(FrameNumber first, u64 windows) {
  platform::Memory& memory = manager_.memory();
  if (!memory.kind().tmpfs_huge_advise) return;
  memory.advise_huge(first, PageCount(windows * pages_per_huge), true);
  std::byte byte;
  for (u64 i = 0; i < windows; ++i)
    (void)memory.checked_copy(&byte, memory.at(first + i * pages_per_huge), 1);
  // The advice would outlive these contents: whoever has the frames next may want small pages.
  memory.advise_huge(first, PageCount(windows * pages_per_huge), false);
  manager_.pool().mark_dense(block_of(first), windows);
}

// What was not made huge before the first touch may be once it is full.
void AddressSpaceImpl::note_small_pages() {
  if (manager_.collapser() != nullptr && !small_pages_.exchange(true, std::memory_order_relaxed))
    manager_.collapser()->stir();
}

// The window that told that memory is filled in order has small pages itself, which cost a fork as much as
// hundreds of huge ones.
void AddressSpaceImpl::collapse_first(Vma& v) {
  const u64 window = std::exchange(v.ahead_first, 0);
  platform::Memory& memory = manager_.memory();
  if (!memory.kind().tmpfs_huge_advise || !memory.kind().collapse || !filled_window(v, window)) return;
  const FrameNumber first = span_at(window, window + huge_size).frame;
  if (memory.collapse(first)) manager_.pool().mark_dense(block_of(first), 1);
}

void AddressSpaceImpl::prepare_windows(Vma& v, u64 begin) {
  const u32 wanted = std::clamp(v.ahead_proven / 4, u32{1}, most_windows);
  u32 n = 0;
  Span run;
  for (; n < wanted; ++n) {
    Span s;
    if (!fresh_window(v, begin + n * huge_size, s)) break;
    if (n != 0 && s.frame != run.frame + n * pages_per_huge) break;
    if (n == 0) run = s;
    run.end = s.end;
  }
  v.ahead_end = n == 0 ? 0 : run.end;
  v.ahead_windows = n;
  if (n == 0) return;
  make_huge(run.frame, n);
  run.end -= probe;
  map_span(v, run);
}

bool AddressSpaceImpl::fill_ahead(Vma& v, u64 page) {
  if (!by_window(v)) return false;
  const u64 window = round_down(page, huge_size);
  if (ends_prepared(v, page)) {
    // The guest came to the end of what was prepared. Shown anew as a whole, the window is mapped huge.
    v.ahead_proven += v.ahead_windows;
    ahead_credit_ += v.ahead_windows;
    if (v.ahead_proven >= long_run && v.ahead_first != 0) collapse_first(v);
    const Span last = span_at(window, window + huge_size);
    map_span(v, last);
    prepare_windows(v, window + huge_size);
    return true;
  }
  Span s;
  if (fresh_window(v, window, s)) {
    const bool in_order =
        page - window < probe && window != v.ahead_end && filled_window(v, window - huge_size, most_left_out);
    if (in_order) {
      if (v.ahead_proven++ == 0) v.ahead_first = window - huge_size;
      prepare_windows(v, window);
      if (v.ahead_windows != 0) return true;
    }
    v.ahead_end = 0;
    v.ahead_proven = 0;
    if (page - window < probe && ahead_credit_ >= credit_for_one) {
      prepare_windows(v, window);
      if (v.ahead_windows != 0) {
        ahead_credit_ -= credit_for_one;
        return true;
      }
    }
    const bool as_before = filled_before_ != 0 && !v.advised_no_huge && manager_.room_for(huge_size);
    filled_before_ -= as_before;
    if ((v.advised_huge || as_before) && !huge_pages_off_)
      make_huge(s.frame, 1);
    else
      note_small_pages();
    map_span(v, s);
    return true;
  }
  note_small_pages();
  show_filled(v, page);
  return true;
}

bool AddressSpaceImpl::show_touched(Vma& v, u64 page) {
  if (!by_window(v)) return false;
  if (ends_prepared(v, page)) return false;
  if (Span s; fresh_window(v, round_down(page, huge_size), s)) return false;
  note_small_pages();
  show_filled(v, page);
  return true;
}

// As much as is alike, but no window that nobody has touched.
void AddressSpaceImpl::show_filled(Vma& v, u64 page) {
  const u64 window = round_down(page, huge_size);
  Span s;
  const u64 end = run_limit(page, std::min(v.end, page + forward));
  for (u64 a = std::max(v.begin, window); a <= page; a = s.end) s = span_at(a, end, true);
  for (u64 w = window + huge_size; w < s.end; w += huge_size) {
    Span next;
    if (!fresh_window(v, w, next)) continue;
    s.end = w;
    break;
  }
  map_span(v, s);
}

}  // namespace quire::mm
