// What a fork of a large address space takes, made ready before it comes.
//
// Right after a fork both sides write to the same few pages: locks of their libraries, stacks, what their
// allocators keep. These lie in windows of small pages and are copied piece by piece, and where the host is
// itself a guest, a page to copy to can cost it more than all else that the fork does. So there is storage
// for them already, in blocks that will be taken as homes of the copies; so are tables, a stub and a thread.
#include <algorithm>
#include <map>

#include "kernel/mm/space_impl.h"
#include "kernel/platform/holes.h"

namespace quire::mm {
namespace {

constexpr std::size_t tables_ready = 32;
constexpr std::size_t most_windows = 64;          // more, and it is a process of small pages: no end of it
constexpr u64 sparse_pages = pages_per_huge / 2;  // so many in a window, and it is left to the host whole
constexpr u64 most_ready = (u64{8} << 20) / page_size;

/// Whether parent and child come to have copies of it.
bool copied_by_fork(const Vma& v) {
  return v.is_private() && !v.huge_tlb && !v.dont_fork && !v.wipe_on_fork && allows(v.access, Access::write);
}

constexpr auto between_preparations = std::chrono::milliseconds(500);
constexpr int often_prepared = 8;  // the first times
constexpr u64 watched_piece = u64{64} << 10;

u64 window_of(u64 address) { return round_down(address, huge_size); }

}  // namespace

void AddressSpaceImpl::watch_writes() {
  if (hot_->known() || prompt() || manager_.policy().cow != Policy::Cow::adaptive) return;
  hot_->expect_anew();
  SharedLockGuard guard(lock_);
  for (const auto& [begin, v] : vmas_) {
    if (!copied_by_fork(v) || !v.writable_in_stub || v.locked) continue;
    for (u64 a = v.begin; a < v.end;) {
      LockGuard tables(tables_lock_);
      const Span s = span_at(a, std::min(v.end, window_of(a) + huge_size));
      a = s.end;
      if (!s.named || !s.exclusive || being_copied(s.begin) || manager_.pool().dense(block_of(s.frame)))
        continue;
      watch_.begin(window_of(s.begin));
      (void)space_->protect({GuestAddr(s.begin), GuestAddr(s.end)},
                            (v.access | Access::read) & ~Access::write);
    }
  }
}

bool AddressSpaceImpl::show_watched(Vma& v, u64 page, const Span& s) {
  const u64 window = window_of(page);
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
  for (u64 a = std::max(v.begin, round_down(page, watched_piece)); a <= page; a = around.end)
    around = span_at(a, std::min(v.end, round_down(page, watched_piece) + watched_piece));
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
  for (const auto& [window, needed] : windows) {
    if (needed.count() >= sparse_pages) continue;
    pages += needed.count();
    if (pages > most_ready) break;
    copies.push_back({window >> huge_shift, needed});
  }
  expects_fork_.store(true, std::memory_order_relaxed);
  return copies;
}

// Often at first, and then every minute.
bool AddressSpaceImpl::preparation_due() {
  const auto now = std::chrono::steady_clock::now();
  if (now < prepare_again_) return false;
  prepare_again_ =
      now + between_preparations * (1 << std::clamp(static_cast<int>(prepared_) - often_prepared, 0, 7));
  ++prepared_;
  return true;
}

void ManagerImpl::expect_fork(AddressSpaceImpl& space) {
  if (!space.preparation_due()) return;
  TableStorage::make_ready(tables_ready);
  FrameCounts::make_ready(2 * tables_ready);
  platform_.expect_space();
  {
    LockGuard guard(fork_expected_lock_);
    if (fork_expected_) fork_expected_();
  }
  space.watch_writes();
  if (room_for(most_ready * page_size)) pool_->make_ready(space.likely_copies());
}

}  // namespace quire::mm
