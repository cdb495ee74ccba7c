// What a fork of a large address space takes, made ready before it comes.
//
// Right after a fork both sides write to the same few pages: locks of their libraries, stacks, what their
// allocators keep. These lie in windows of small pages and are copied piece by piece, and where the host is
// itself a guest, a page to copy to can cost it more than all else that the fork does. So there is storage
// for them already, in blocks that will be taken as homes of the copies; so are tables, a stub and a thread.
#include <algorithm>
#include <map>
#include <set>

#include "kernel/mm/space_impl.h"
#include "kernel/platform/holes.h"

namespace quire::mm {
namespace {

constexpr std::size_t tables_ready = 32;
constexpr std::size_t most_windows = 64;          // more, and it is a process of small pages: no end of it
constexpr u64 sparse_pages = pages_per_huge / 2;  // so many in a window, and only what is expected is copied
constexpr u64 most_ready = (u64{8} << 20) / page_size;

/// Whether parent and child come to have copies of it.
bool copied_by_fork(const Vma& v) {
  return v.is_private() && !v.huge_tlb && !v.dont_fork && !v.wipe_on_fork && allows(v.access, Access::write);
}

constexpr auto watched_for = std::chrono::milliseconds(250);
constexpr auto between_preparations = std::chrono::milliseconds(500);
constexpr u32 longest_between = 7;  // times doubled

u64 window_of(u64 address) { return round_down(address, huge_size); }

}  // namespace

void AddressSpaceImpl::watch_writes() {
  if (hot_->known() || manager_.policy().cow != Policy::Cow::adaptive) return;
  hot_->expect_anew();
  SharedLockGuard guard(lock_);
  if (prompt()) return;
  auto for_each = [&](auto&& visit) REQUIRES_SHARED(lock_) {
    for (const auto& [begin, v] : vmas_) {
      if (!copied_by_fork(v) || !v.writable_in_stub || v.locked) continue;
      for (u64 a = v.begin; a < v.end;) {
        LockGuard tables(tables_lock_);
        const Span s = span_at(a, std::min(v.end, window_of(a) + huge_size));
        a = s.end;
        if (!s.named || !s.exclusive || being_copied(s.begin) || manager_.pool().dense(block_of(s.frame)))
          continue;
        // What is named but was never touched may get huge pages yet.
        const FrameNumber end = s.frame + (s.end - s.begin) / page_size;
        if (manager_.memory().next_data(s.frame, end) == end) continue;
        if (!visit(v, s)) return;
      }
    }
  };
  std::set<u64> windows;
  for_each([&](const Vma&, const Span& s) {
    windows.insert(window_of(s.begin));
    return windows.size() <= most_windows;
  });
  if (windows.size() > most_windows) return;
  for_each([&](const Vma& v, const Span& s) {
    watch_.begin(window_of(s.begin));
    (void)space_->protect({GuestAddr(s.begin), GuestAddr(s.end)}, (v.access | Access::read) & ~Access::write);
    return true;
  });
}

// The right comes back everywhere: what a fork has to take away in pieces costs it more than what is whole.
void AddressSpaceImpl::end_watch() {
  SharedLockGuard guard(lock_);
  for (const u64 window : watch_.end())
    for (auto it = vmas_.first_after(window); it != vmas_.end() && it->second.begin < window + huge_size;
         ++it) {
      Vma& v = it->second;
      if (!copied_by_fork(v)) continue;
      for (u64 a = std::max(v.begin, window); a < std::min(v.end, window + huge_size);) {
        LockGuard tables(tables_lock_);
        const Span s = span_at(a, std::min(v.end, window + huge_size));
        a = s.end;
        if (!s.named || !s.exclusive || being_copied(s.begin)) continue;
        v.writable_in_stub = true;
        (void)space_->protect({GuestAddr(s.begin), GuestAddr(s.end)}, v.access | Access::read);
      }
    }
}

bool AddressSpaceImpl::show_watched(Vma& v, u64 page, const Span& s) {
  const u64 window = window_of(page);
  // A page that is touched for the first time is filled as ever: in order, perhaps, and by huge pages.
  if (!watch_.active() || manager_.memory().next_data(s.frame, s.frame + 1) != s.frame) return false;
  switch (watch_.wrote(window)) {
    case WriteWatch::Answer::unwatched:
      return false;
    case WriteWatch::Answer::whole:
      hot_->forget({GuestAddr(window), GuestAddr(window + huge_size)});
      return false;
    case WriteWatch::Answer::piece:
      break;
  }
  Span around = s;
  for (u64 a = std::max(v.begin, round_down(page, cow_piece)); a <= page; a = around.end)
    around = span_at(a, std::min(v.end, round_down(page, cow_piece) + cow_piece));
  if (!around.exclusive) return false;
  map_span(v, around);
  hot_->expect({GuestAddr(around.begin), GuestAddr(around.end)});
  return true;
}

std::vector<BlockPool::Likely> AddressSpaceImpl::likely_copies() {
  std::map<u64, std::bitset<pages_per_huge>> windows;
  SharedLockGuard guard(lock_);
  for (const auto& [begin, v] : vmas_) {
    if (!copied_by_fork(v)) continue;
    for (u64 a = v.begin; a < v.end;) {
      LockGuard tables(tables_lock_);
      const Span s = span_at(a, std::min(v.end, window_of(a) + huge_size));
      a = s.end;
      if (!s.named || s.stub_owned || manager_.pool().dense(block_of(s.frame))) continue;
      const u64 pages = (s.end - s.begin) / page_size;
      const u64 first = (s.begin % huge_size) / page_size;
      platform::DataMap data(manager_.memory(), s.frame, pages);
      const FrameNumber end = s.frame + pages;
      for (FrameNumber f = data.next_data(s.frame); f < end; f = data.next_data(f + 1))
        windows[window_of(s.begin)][first + (f - s.frame)] = true;
      if (windows.size() > most_windows) return {};
    }
  }
  std::vector<BlockPool::Likely> copies;
  u64 pages = 0;
  std::map<u64, std::bitset<pages_per_huge>> expected;
  for (const GuestRange& piece : hot_->expected())
    for (u64 a = piece.begin.value(); a < piece.end.value(); a += page_size)
      expected[window_of(a)][(a % huge_size) / page_size] = true;
  for (auto& [window, needed] : windows) {
    if (needed.count() >= sparse_pages) needed &= expected[window];
    pages += needed.count();
    if (pages > most_ready) break;
    if (needed.any()) copies.push_back({window >> huge_shift, needed});
  }
  return copies;
}

// After half a second, a second, two and so on, up to a minute; what is looked for is looked for a quarter of
// a second.
AddressSpaceImpl::Preparation AddressSpaceImpl::preparation_due() {
  const auto now = std::chrono::steady_clock::now();
  if (now >= watched_until_) {
    watched_until_ = std::chrono::steady_clock::time_point::max();
    return Preparation::end;
  }
  if (now < prepare_again_) return Preparation::none;
  expects_fork_.store(true, std::memory_order_relaxed);
  watched_until_ = now + watched_for;
  prepare_again_ = now + between_preparations * (1 << std::min(prepared_++, longest_between));
  return Preparation::begin;
}

void ManagerImpl::expect_fork(AddressSpaceImpl& space) {
  switch (space.preparation_due()) {
    case AddressSpaceImpl::Preparation::none:
      return;
    case AddressSpaceImpl::Preparation::end:
      space.end_watch();
      if (room_for(most_ready * page_size)) pool_->make_ready(space.likely_copies());
      return;
    case AddressSpaceImpl::Preparation::begin:
      break;
  }
  TableStorage::make_ready(tables_ready);
  FrameCounts::make_ready(2 * tables_ready);
  platform_.expect_space();
  {
    LockGuard guard(fork_expected_lock_);
    if (fork_expected_) fork_expected_();
  }
  space.watch_writes();
}

}  // namespace quire::mm
