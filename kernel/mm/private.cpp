// The host's own copy-on-write: the cheapest way to break sharing where writes are sparse.
//
// A fault for each page that is written costs tens of microseconds, the host's own a few. So memory that
// is shared after a fork is mapped MAP_PRIVATE over the shared frames: what the guest writes stays in its
// stub, and the kernel hears nothing of it. The frames keep their names, so nobody writes or punches them
// meanwhile. The first write in a run of 64 MiB maps its window so; the second, elsewhere in the run, all of
// the run. From then on writes are known to be scattered, and each that comes to another run opens four times
// as much as the last: a server with gigabytes takes half a dozen faults after a fork, not two for every run.
//
// What is in the stub alone comes back ("is settled") in one of three ways: once nobody else names the
// frames, into them, in the background (copy_home); when the kernel itself wants the memory, or its areas
// change, into the frames if they are exclusively ours and else into fresh ones (settle); and a fork copies
// it for the child alone (snapshot), leaving the parent as it is, or, if whole pieces were written, for both
// (settle_pieces).
#include <algorithm>
#include <chrono>
#include <utility>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr u64 run_size = u64{64} << 20;
constexpr u32 most_counted = 256;                   // windows whose pages one fault counts, 25 us each
constexpr u32 widest = 4;                           // of the steps by four: 16 GiB
constexpr std::size_t runs_at_once = 1024;          // asked of the platform in one call
constexpr u64 home_batch = 4 * huge_size;           // copied home while a writer of the areas waits
constexpr u64 snapshot_pages = pages_per_huge / 4;  // so many in a window, and the child gets a whole block
constexpr u64 clustered_run = 8;     // pages in a run of what was written, on average: pieces pay
constexpr u64 least_clustered = 64;  // pages
constexpr u32 forks_by_pieces = 8;
constexpr u64 often_pages = 16;  // so many copied by a fork, and the block is copied after it
constexpr u64 dense_pages =
    48;  // so many written in a window, and their number grows fast: its run is copied
constexpr u64 fast_growth = 150;            // in a second: all of the window within a few
constexpr u64 nearly_all = 448;             // so many, and it is copied even if it stays at that
constexpr u64 dense_batch = 2 * huge_size;  // a guest that writes there waits meanwhile
// 512 copies of single pages by the host: 1.1 ms on one machine, 2.3 on another. A block takes 0.25 or, where
// the host's own host has to find the memory, 9.
constexpr std::chrono::microseconds most_for_a_window{2000};
constexpr std::chrono::milliseconds dense_patience{16};
constexpr std::chrono::seconds dense_pause{1};
constexpr Access no_write = Access::read | Access::exec;

using Clock = std::chrono::steady_clock;

u64 window_of(u64 address) { return round_down(address, huge_size); }

/// Calls visit(begin, end) for runs of neighbouring ranges.
template <typename Ranges, typename Visit>
void for_each_stretch(const Ranges& ranges, Visit&& visit) {
  u64 begin = 0;
  u64 end = 0;
  for (const auto& [b, e] : ranges) {
    if (b != end) {
      if (begin != end) visit(begin, end);
      begin = b;
    }
    end = e;
  }
  if (begin != end) visit(begin, end);
}

}  // namespace

Span AddressSpaceImpl::span_at(u64 address, u64 end, bool across) const {
  Span s = tables_.span_at(address, end, across);
  if (privates_.empty()) return s;
  auto it = privates_.upper_bound(address);
  if (it != privates_.end()) s.end = std::min(s.end, it->first);
  if (it == privates_.begin()) return s;
  const auto& [begin, range] = *std::prev(it);
  if (range.end <= address) return s;
  s.end = std::min(s.end, range.end);
  s.exclusive = false;
  s.stub_owned = true;
  return s;
}

void AddressSpaceImpl::clip_to_frames(u64 page, u64& begin, u64& end) {
  const auto next = privates_.upper_bound(page);
  if (next != privates_.end()) end = std::min(end, next->first);
  if (next != privates_.begin()) begin = std::max(begin, std::prev(next)->second.end);
}

AddressSpaceImpl::PrivateMap::iterator AddressSpaceImpl::private_at(u64 address) {
  auto it = privates_.upper_bound(address);
  if (it == privates_.begin()) return privates_.end();
  --it;
  return it->second.end > address ? it : privates_.end();
}

// For speed only whole windows, and make_private() leaves out those with many holes. Where the tier is
// forced, whatever can be.
bool AddressSpaceImpl::may_be_private(const Vma& v, const Span& s) {
  if (prompt()) return false;
  if (!s.named || s.exclusive || s.stub_owned || !v.anonymous() || !v.is_private() || v.huge_tlb)
    return false;
  if (allows(v.access, Access::exec) || !allows(v.access, Access::write)) return false;
  if (being_copied(s.begin)) return false;
  if (manager_.policy().cow == Policy::Cow::host_private) return true;
  return s.begin % huge_size == 0 && s.end - s.begin == huge_size;
}

bool AddressSpaceImpl::make_private(Vma& v, u64 page) {
  const Policy::Cow tier = manager_.policy().cow;
  if (tier != Policy::Cow::adaptive && tier != Policy::Cow::host_private) return false;
  if (!space_->supports_private()) return false;
  const bool forced = tier == Policy::Cow::host_private;
  // A write to a hole is allocated twice: an allocator leaves some, but few.
  u32 counted = 0;
  auto filled = [&](const Span& s) {
    if (manager_.pool().known_full(block_of(s.frame))) return pages_per_huge;
    ++counted;
    return manager_.pool().with_data(s.frame, pages_per_huge);
  };
  auto nearly_full = [&](const Span& s) { return filled(s) >= pages_per_huge - most_left_out; };
  const auto [begin, end] = reach(v, page);
  {
    const u64 window = std::max(begin, window_of(page));
    Span s = span_at(window, std::min(end, window_of(page) + huge_size));
    while (forced && s.end <= page) s = span_at(s.end, std::min(end, window_of(page) + huge_size));
    if (!may_be_private(v, s)) return false;
    if (!forced) {
      const u64 pages = filled(s);
      const bool most = pages >= pages_per_huge - most_left_out;
      // Or more, where the waste is small beside all else.
      if (!most && (total_bytes_ < large_space || pages < pages_per_huge / 2)) return false;
      if (!most || !scattered(v, page)) {
        leave_window(v, s);
        return true;
      }
    }
  }
  // Neighbours with consecutive frames are mapped by one call.
  Span piece;
  auto map = [&]() REQUIRES(tables_lock_) {
    if (piece.begin == piece.end) return;
    space_->map_private({GuestAddr(piece.begin), GuestAddr(piece.end)}, piece.frame,
                        (v.access | Access::read) & no_write);
    for (u64 w = piece.begin; w < piece.end; w = window_of(w) + huge_size)
      privates_[w].end = std::min(piece.end, window_of(w) + huge_size);
    piece = {};
  };
  for (u64 a = forced ? begin : round_up(begin, huge_size); a < end;) {
    if (counted > most_counted) {
      if (a > page) break;
      a = std::max(a, window_of(page));
    }
    const Span s = span_at(a, std::min(end, window_of(a) + huge_size));
    a = s.end;
    if (!may_be_private(v, s) || (!forced && !nearly_full(s))) continue;
    if (piece.begin != piece.end && piece.end == s.begin &&
        piece.frame + (piece.end - piece.begin) / page_size == s.frame) {
      piece.end = s.end;
      continue;
    }
    map();
    piece = s;
  }
  map();
  const auto at = private_at(page);
  if (at == privates_.end()) return false;
  join_private_spaces();
  let_write(v, at);
  return true;
}

void AddressSpaceImpl::leave_window(Vma& v, const Span& s) {
  space_->map_private({GuestAddr(s.begin), GuestAddr(s.end)}, s.frame, v.access | Access::read);
  PrivateRange& range = privates_[s.begin];
  range.end = s.end;
  range.state = PrivateRange::State::writable;
  join_private_spaces();
  note_left_to_host(v, s.begin);
}

void AddressSpaceImpl::note_left_to_host(Vma& v, u64 window) {
  v.writable_in_stub = true;
  v.cow_window = window_of(window);
  manager_.private_spaces().stir();
  count(manager_.counters.cow_private);
}

std::pair<u64, u64> AddressSpaceImpl::reach(const Vma& v, u64 page) const {
  const u64 bytes = run_size << 2 * scattered_;
  const u64 begin = round_down(page, bytes);
  return {std::max(v.begin, begin), std::min(v.end, begin + bytes)};
}

bool AddressSpaceImpl::scattered(const Vma& v, u64 page) const {
  if (scattered_ != 0) return true;
  const u64 run = round_down(page, run_size);
  auto it = privates_.lower_bound(std::max(v.begin, run));
  const u64 end = std::min(v.end, run + run_size);
  while (it != privates_.end() && it->first < end && it->second.state != PrivateRange::State::writable) ++it;
  return it != privates_.end() && it->first < end;
}

void AddressSpaceImpl::let_write(Vma& v, PrivateMap::iterator at) {
  using State = PrivateRange::State;
  if (at->second.state == State::writable) return;  // another thread was quicker
  auto first = at;
  auto last = std::next(at);
  if (scattered(v, at->first)) {
    const auto [begin, end] = reach(v, at->first);
    first = privates_.lower_bound(begin);
    last = privates_.lower_bound(end);
    scattered_ = std::min(scattered_ + 1, widest);
  }
  std::vector<std::pair<u64, u64>> ranges;
  for (auto it = first; it != last; ++it) {
    if (it->second.state == State::writable || being_copied(it->first)) continue;
    it->second.state = State::writable;
    ranges.emplace_back(it->first, it->second.end);
  }
  for_each_stretch(ranges, [&](u64 b, u64 e) {
    (void)space_->protect({GuestAddr(b), GuestAddr(e)}, v.access | Access::read);
  });
  note_left_to_host(v, at->first);
}

AddressSpaceImpl::PrivateMap::iterator AddressSpaceImpl::forget_private(PrivateMap::iterator at) {
  const platform::Ticket ticket = revoke(at->first, at->second.end);
  for (Gather& g : at->second.held) defer(ticket, std::move(g));
  return privates_.erase(at);
}

Result<std::vector<GuestRange>> AddressSpaceImpl::private_runs(
    const std::vector<std::pair<u64, u64>>& ranges) {
  std::vector<std::pair<u64, u64>> stretches;
  for_each_stretch(ranges, [&](u64 b, u64 e) { stretches.emplace_back(b, e); });
  std::vector<GuestRange> runs;
  std::vector<GuestRange> some(runs_at_once);
  for (auto [begin, end] : stretches)
    for (;;) {
      std::span<GuestRange> out(some);
      TRY_VOID(space_->private_pages({GuestAddr(begin), GuestAddr(end)}, out));
      runs.insert(runs.end(), out.begin(), out.end());
      if (out.size() < some.size()) break;
      begin = out.back().end.value();
    }
  return runs;
}

Result<u64> AddressSpaceImpl::private_page_count(u64 begin, u64 end) {
  u64 pages = 0;
  for (const GuestRange& r : TRY(private_runs({{begin, end}}))) pages += r.size() >> page_shift;
  return pages;
}

bool AddressSpaceImpl::written_wholly(u64 window) {
  const auto at = private_at(window);
  if (at == privates_.end()) return true;
  const auto pages = private_page_count(at->first, at->second.end);
  return pages && *pages >= nearly_all;
}

Result<> AddressSpaceImpl::settle(Vma& v, u64 begin, u64 end) {
  begin = std::max(begin, v.begin);
  end = std::min(end, v.end);
  auto first = [&]() REQUIRES(tables_lock_) {
    const auto it = private_at(begin);
    return it != privates_.end() ? it : privates_.lower_bound(begin);
  };
  for (auto it = first(); it != privates_.end() && it->first < end;) {
    if (!being_copied(it->first)) {
      ++it;
      continue;
    }
    await_window(it->first);
    it = first();
  }
  std::vector<std::pair<u64, u64>> dirty;
  for (auto it = first(); it != privates_.end() && it->first < end;) {
    if (it->second.state == PrivateRange::State::clean) {
      it = forget_private(it);
      continue;
    }
    dirty.emplace_back(it->first, it->second.end);
    ++it;
  }
  if (dirty.empty()) return {};
  return settle_frozen(v, dirty);
}

Result<> AddressSpaceImpl::settle_frozen(Vma& v, const std::vector<std::pair<u64, u64>>& ranges) {
  platform::Memory& memory = manager_.memory();
  std::vector<Gather> replaced;  // by each range
  for (std::size_t i = 0; i < ranges.size(); ++i) replaced.emplace_back(manager_.pool(), manager_.tables());
  Result<> done{};
  for (const auto& [b, e] : ranges)
    if (copying_.empty() || copying_.back() != window_of(b)) copying_.push_back(window_of(b));
  platform::Ticket frozen{};
  for_each_stretch(ranges, [&](u64 b, u64 e) {
    const auto t = space_->protect({GuestAddr(b), GuestAddr(e)}, (v.access | Access::read) & no_write);
    if (t.value() != 0) frozen = t;
  });
  for (const auto& [b, e] : ranges) privates_.find(b)->second.state = PrivateRange::State::frozen;
  tables_lock_.unlock();
  space_->wait(frozen);
  auto runs = private_runs(ranges);
  if (!runs) done = err(runs.error());
  tables_lock_.lock();
  for (std::size_t i = 0; i < ranges.size() && done; ++i)
    done = tables_.own(ranges[i].first, ranges[i].second, replaced[i], &tables_lock_);
  if (done) {
    std::vector<platform::PrivatePiece> pieces;
    for (const GuestRange& r : *runs)
      for (u64 a = r.begin.value(); a < r.end.value();) {
        const Span s = tables_.span_at(a, r.end.value());
        if (s.named) pieces.push_back({GuestAddr(a), {memory.at(s.frame), s.end - s.begin}});
        a = s.end;
      }
    tables_lock_.unlock();
    done = space_->gather_private(pieces);
    tables_lock_.lock();
  }
  if (done) {
    // The stub has lost its own pages before anybody can change the frames, or discard what is in them:
    // else its other threads would go on seeing the old bytes.
    platform::Ticket own{};
    for (const auto& [b, e] : ranges) own = revoke(b, e);
    tables_lock_.unlock();
    space_->wait(own);
    tables_lock_.lock();
  }
  for (const auto& [b, e] : ranges) std::erase(copying_, window_of(b));
  copied_.notify_all();
  if (done) count(manager_.counters.settled, ranges.size());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto at = privates_.find(ranges[i].first);
    std::vector<Gather>& held = at->second.held;
    if (!replaced[i].empty()) held.push_back(std::move(replaced[i]));
    if (!done) continue;  // the stub still shows the frames that were replaced
    if (!held.empty()) {
      const platform::Ticket lost = revoke(at->first, at->second.end);
      for (Gather& g : held) defer(lost, std::move(g));
    }
    privates_.erase(at);
  }
  if (!done) return done;
  for_each_stretch(ranges, [&](u64 b, u64 e) NO_THREAD_SAFETY_ANALYSIS {
    for (u64 a = b; a < e;) {
      const Span s = span_at(a, e, true);
      if (s.named) map_span(v, s);
      a = s.end;
    }
  });
  return {};
}

Result<> AddressSpaceImpl::settle_for_change(u64 begin, u64 end, Reach reach) {
  LockGuard tables(tables_lock_);
  if (privates_.empty() || begin >= end) return {};
  auto cut = [&](u64 at) REQUIRES(lock_, tables_lock_) -> Result<> {
    const auto range = private_at(at);
    Vma* v = vmas_.find(at);
    if (range == privates_.end() || range->first == at || v == nullptr) return {};
    return settle(*v, at, at + page_size);
  };
  Result<> settled = cut(begin);
  if (settled) settled = cut(end);
  if (reach == Reach::all)
    for (auto it = vmas_.first_after(begin); settled && it != vmas_.end() && it->second.begin < end; ++it)
      settled = settle(it->second, begin, end);
  if (!settled) return err(ENOMEM);
  return {};
}

Result<> AddressSpaceImpl::settle_all() {
  Exclusive guard(*this);
  return settle_for_change(0, limit(), Reach::all);
}

void AddressSpaceImpl::drop_private(u64 begin, u64 end) {
  platform::Ticket lost{};
  {
    LockGuard tables(tables_lock_);
    for (auto it = privates_.lower_bound(begin); it != privates_.end() && it->second.end <= end;) {
      lost = revoke(it->first, it->second.end);
      for (Gather& g : it->second.held) defer(lost, std::move(g));
      it = privates_.erase(it);
    }
  }
  if (lost.value() != 0) space_->wait(lost);
}

Result<> AddressSpaceImpl::settle_for_fork() {
  if (!manager_.policy().snapshot || prompt()) return settle_for_change(0, limit(), Reach::all);
  std::vector<std::pair<u64, u64>> often;
  {
    LockGuard tables(tables_lock_);
    for (const auto& [begin, r] : privates_)
      if (r.copied >= snapshot_pages) often.emplace_back(begin, r.end);
  }
  std::vector<std::pair<u64, u64>> stretches;
  for_each_stretch(often, [&](u64 b, u64 e) { stretches.emplace_back(b, e); });
  for (const auto& [b, e] : stretches) TRY_VOID(settle_for_change(b, e, Reach::all));
  return {};
}

Result<std::vector<GuestRange>> AddressSpaceImpl::snapshot_runs() {
  std::vector<std::pair<u64, u64>> ranges;
  {
    LockGuard tables(tables_lock_);
    for (auto& [begin, r] : privates_) {
      if (r.state == PrivateRange::State::clean) continue;
      const Vma* v = vmas_.find(begin);
      if (v != nullptr && !v->dont_fork && !v->wipe_on_fork) ranges.emplace_back(begin, r.end);
    }
  }
  return private_runs(ranges);
}

// Where the last child has left just now, nothing was copied home yet, and a copy for the new child would
// have to be made again at the next fork, with all that is written meanwhile.
Result<platform::Ticket> AddressSpaceImpl::bring_home(std::vector<GuestRange>& runs) {
  std::vector<GuestRange> rest;
  std::vector<platform::PrivatePiece> pieces;
  std::vector<std::pair<u64, u64>> home;
  {
    LockGuard tables(tables_lock_);
    std::vector<GuestRange> of_range;
    auto flush = [&](PrivateMap::iterator at) REQUIRES(tables_lock_) {
      const Span s = at == privates_.end() ? Span{} : tables_.span_at(at->first, at->second.end);
      if (!s.exclusive || s.end != at->second.end) {
        rest.insert(rest.end(), of_range.begin(), of_range.end());
      } else {
        for (const GuestRange& r : of_range)
          pieces.push_back(
              {r.begin, {manager_.memory().at(s.frame) + (r.begin.value() - s.begin), r.size()}});
        home.emplace_back(at->first, at->second.end);
      }
      of_range.clear();
    };
    auto last = privates_.end();
    for (const GuestRange& r : runs)
      for (u64 a = r.begin.value(); a < r.end.value();) {
        const auto at = private_at(a);
        if (at != last) flush(last);
        last = at;
        const u64 end = at == privates_.end() ? r.end.value() : std::min(r.end.value(), at->second.end);
        of_range.push_back({GuestAddr(a), GuestAddr(end)});
        a = end;
      }
    flush(last);
  }
  if (home.empty()) return platform::Ticket{};
  TRY_VOID(space_->gather_private(pieces));
  runs = std::move(rest);
  count(manager_.counters.settled, home.size());
  LockGuard tables(tables_lock_);
  std::vector<Gather> held;
  for (const auto& [begin, end] : home) {
    const auto at = privates_.find(begin);
    std::ranges::move(at->second.held, std::back_inserter(held));
    privates_.erase(at);
  }
  // Before anybody can change the frames the stub's other threads must have lost their own pages.
  return show_settled(home, std::move(held));
}

// Where sharers live on and forks come again and again, a copy for the child alone would have to be made at
// each of them, of all that was written since the first. Whoever writes whole pieces is served better by
// frames of its own for these: parent and child share them as they share all else, and a fork finds only what
// was written since the last. The next writes go to pieces at once (break_cow), until that has to be learnt
// anew.
Result<platform::Ticket> AddressSpaceImpl::settle_pieces(std::vector<GuestRange>& runs) {
  u64 pages = 0;
  for (const GuestRange& r : runs) pages += r.size() >> page_shift;
  if (manager_.policy().cow != Policy::Cow::adaptive || pages < runs.size() * clustered_run ||
      pages < least_clustered)
    return platform::Ticket{};
  std::vector<platform::PrivatePiece> pieces;
  std::vector<u64> windows;  // those of which something was written
  Gather replaced(manager_.pool(), manager_.tables());
  Result<> done{};
  {
    LockGuard tables(tables_lock_);
    for (const GuestRange& r : runs)
      for (u64 a = r.begin.value(); a < r.end.value() && done;) {
        const u64 end = std::min(r.end.value(), window_of(a) + huge_size);
        if (windows.empty() || windows.back() != window_of(a)) windows.push_back(window_of(a));
        done = tables_.refresh(a, end, replaced);
        while (a < end && done) {
          const Span s = tables_.span_at(a, end);
          if (s.named) pieces.push_back({GuestAddr(a), {manager_.memory().at(s.frame), s.end - s.begin}});
          a = s.end;
        }
      }
  }
  if (done) done = space_->gather_private(pieces);
  LockGuard tables(tables_lock_);
  if (!done) {
    // The stub still has the newest of these pages, and shows the old frames around them.
    private_at(runs.front().begin.value())->second.held.push_back(std::move(replaced));
    return err(done.error());
  }
  by_pieces_ = forks_by_pieces;
  count(manager_.counters.settled, windows.size());
  std::vector<std::pair<u64, u64>> ranges;
  std::vector<Gather> held;
  held.push_back(std::move(replaced));
  for (const u64 w : windows)
    for (auto at = privates_.lower_bound(w); at != privates_.end() && at->first < w + huge_size;) {
      ranges.emplace_back(at->first, at->second.end);
      std::ranges::move(at->second.held, std::back_inserter(held));
      at = privates_.erase(at);
    }
  runs.clear();
  return show_settled(ranges, std::move(held));
}

// The stub forgets its own pages of these ranges and is shown the frames, without the right to write.
platform::Ticket AddressSpaceImpl::show_settled(const std::vector<std::pair<u64, u64>>& ranges,
                                                std::vector<Gather>&& held) {
  platform::Ticket lost{};
  for_each_stretch(ranges, [&](u64 b, u64 e) NO_THREAD_SAFETY_ANALYSIS {
    lost = revoke(b, e);
    for (u64 a = b; a < e;) {
      const Vma* v = vmas_.find(a);
      const Span s = span_at(a, std::min(e, v->end), true);
      space_->map({GuestAddr(s.begin), GuestAddr(s.end)}, s.frame, (v->access | Access::read) & no_write);
      a = s.end;
    }
  });
  for (Gather& g : held) defer(lost, std::move(g));
  return lost;
}

Result<> AddressSpaceImpl::snapshot(AddressSpaceImpl& child, const std::vector<GuestRange>& runs,
                                    Gather& gather) {
  platform::Memory& memory = manager_.memory();
  std::vector<platform::PrivatePiece> pieces;
  {
    LockGuard tables(tables_lock_);
    for (auto& [begin, range] : privates_) range.copied = 0;
    for (const GuestRange& r : runs)
      for (u64 a = r.begin.value(); a < r.end.value(); a += page_size) {
        const auto at = private_at(a);
        if (at != privates_.end()) ++at->second.copied;
      }
  }
  {
    LockGuard tables(child.tables_lock_);
    for (std::size_t i = 0; i < runs.size();) {
      // All runs of one window.
      const u64 window = window_of(runs[i].begin.value());
      u64 pages = 0;
      std::size_t n = i;
      for (; n < runs.size() && runs[n].begin.value() < window + huge_size; ++n)
        pages += (std::min(runs[n].end.value(), window + huge_size) - runs[n].begin.value()) >> page_shift;
      const bool whole = pages >= snapshot_pages;
      if (whole) TRY_VOID(child.tables_.own(window, window + huge_size, gather));
      for (std::size_t k = i; k < n; ++k)
        for (u64 a = runs[k].begin.value(); a < runs[k].end.value();) {
          const u64 end = std::min(runs[k].end.value(), window_of(a) + huge_size);
          if (!whole || window_of(a) != window) TRY_VOID(child.tables_.refresh(a, end, gather));
          for (u64 at = a; at < end;) {
            const Span s = child.tables_.span_at(at, end);
            if (s.named) pieces.push_back({GuestAddr(at), {memory.at(s.frame), s.end - s.begin}});
            at = s.end;
          }
          a = end;
        }
      i = n;
    }
  }
  count(manager_.counters.snapshot_pages, pieces.size());
  manager_.private_spaces().stir();
  return space_->gather_private(pieces);
}

void AddressSpaceImpl::join_private_spaces() {
  if (joined_private_spaces_) return;
  joined_private_spaces_ = true;
  manager_.private_spaces().join(this);
}

void AddressSpaceImpl::settle_copied_often() {
  for (u64 at = 0;;) {
    {
      LockGuard tables(tables_lock_);
      auto it = privates_.lower_bound(at);
      while (it != privates_.end() && it->second.copied < often_pages) ++it;
      if (it == privates_.end()) return;
      at = it->first;
    }
    AreaReader reader(*this, at);
    if (Vma* v = reader.area(); v != nullptr) {
      LockGuard tables(tables_lock_);
      if (!settle(*v, at, at + page_size)) return;
    }
    at += page_size;
  }
}

// One window of each run stands for all of it. Where most of a block will be written, a copy of the block is
// cheaper than the host's copies of its pages, and the next fork finds it huge. Most of it will be, if more
// and more is, and so fast that the sharers are likely to see the end of it (a guest that writes slowly would
// be held up for nothing); a guest that has gone through in order has written what it wanted.
bool AddressSpaceImpl::settle_dense() {
  if (manager_.policy().cow != Policy::Cow::adaptive) return false;
  settle_copied_often();
  std::vector<std::pair<u64, u64>> samples;
  {
    LockGuard tables(tables_lock_);
    u64 run = ~u64{0};
    for (const auto& [begin, r] : privates_) {
      if (r.state != PrivateRange::State::writable || round_down(begin, run_size) == run) continue;
      run = round_down(begin, run_size);
      samples.emplace_back(begin, r.end);
    }
  }
  const std::map<u64, u64> before = std::exchange(sampled_, {});
  const auto now = Clock::now();
  const std::chrono::duration<double> passed = now - std::exchange(sampled_at_, now);
  bool fast = false;
  for (const auto& [begin, end] : samples) {
    const auto pages = private_page_count(begin, end);
    if (!pages) return false;
    sampled_[begin] = *pages;
    const auto last = before.find(begin);
    const bool grows = last != before.end() && *pages > last->second &&
                       static_cast<double>(*pages - last->second) >= fast_growth * passed.count();
    fast |= grows || last == before.end();  // of a new one nobody knows yet
    if (*pages < (grows ? dense_pages : nearly_all)) continue;
    const u64 first = round_down(begin, run_size);
    Clock::duration late{};
    for (u64 at = first; at < first + run_size; at += dense_batch) {
      if (manager_.private_spaces().stopping()) return false;
      if (manager_.pool().warm() == 0 && Clock::now() < dense_again_) return fast;
      AreaReader reader(*this, at < begin ? begin : at);
      Vma* v = reader.area();
      if (v == nullptr) continue;
      LockGuard tables(tables_lock_);
      const auto started = Clock::now();
      if (!settle(*v, at, at + dense_batch)) return false;
      // Where fresh memory is dear to the host, its own copies of single pages are the better way.
      // One batch may have had to wait for a CPU.
      constexpr auto allowed = dense_batch / huge_size * most_for_a_window;
      late += std::min<Clock::duration>(Clock::now() - started, 4 * allowed) - allowed;
      if (late > dense_patience) {
        dense_again_ = Clock::now() + dense_pause;
        late = {};
      }
    }
  }
  return fast;
}

bool AddressSpaceImpl::copy_home() {
  auto alone = [&](PrivateMap::iterator p) REQUIRES(tables_lock_) {
    const Span s = tables_.span_at(p->first, p->second.end);
    return s.exclusive && s.end == p->second.end;
  };
  auto first_alone = [&](u64 at) REQUIRES(tables_lock_) {
    auto it = privates_.lower_bound(at);
    while (it != privates_.end() && !alone(it)) ++it;
    return it;
  };
  for (u64 at = 0; !manager_.private_spaces().stopping();) {
    {
      LockGuard tables(tables_lock_);
      if (privates_.empty()) return false;
      const auto it = first_alone(at);
      if (it == privates_.end()) return true;
      at = it->first;
    }
    AreaReader reader(*this, at);
    Vma* v = reader.area();
    LockGuard tables(tables_lock_);
    // A fork may have come first: what its child shares would be copied in full.
    auto it = v == nullptr ? privates_.end() : first_alone(at);
    if (it == privates_.end() || it->first >= v->end) {
      at += huge_size;
      continue;
    }
    const u64 begin = it->first;
    u64 end = begin;
    for (; it != privates_.end() && it->first == end && end - begin < home_batch && alone(it); ++it)
      end = it->second.end;
    at = end;
    (void)settle(*v, begin, std::min(end, v->end));
  }
  return false;
}

}  // namespace quire::mm
