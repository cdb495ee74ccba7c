#include "kernel/mm/blocks.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <thread>
#include <utility>

namespace quire::mm {
namespace {

constexpr std::chrono::seconds warm_for(5);
constexpr std::chrono::seconds cooling_step(1);
constexpr std::size_t cooled_at_once = 8;
constexpr std::chrono::milliseconds cooling_pause(1);

/// Zeroed memory whose pages exist only once touched.
template <typename T>
Result<T*> reserve_array(u64 n) {
  void* p = mmap(nullptr, n * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  if (p == MAP_FAILED) return err(Errno::last());
  return static_cast<T*>(p);
}

}  // namespace

Result<std::unique_ptr<BlockPool>> BlockPool::create(platform::Memory& memory) {
  std::unique_ptr<BlockPool> pool(new BlockPool(memory));
  TRY_VOID(pool->reserve());
  return pool;
}

BlockPool::BlockPool(platform::Memory& memory)
    : memory_(memory), cooler_(cooling_step, [this] {
        return cool(warm_for, cooling_pause) ? std::optional<Background::Duration>(cooling_step)
                                             : std::nullopt;
      }) {}

Result<> BlockPool::reserve() {
  block_count_ = memory_.size().value() / pages_per_huge;
  if (block_count_ == 0) return err(ENOMEM);
  chunk_count_ = (block_count_ + blocks_per_chunk - 1) / blocks_per_chunk;
  blocks_ = TRY(reserve_array<Block>(block_count_));
  LockGuard guard(allocation_);
  used_ = TRY(reserve_array<u32>(chunk_count_));
  for (u64 b = block_count_; b < chunk_count_ * blocks_per_chunk; ++b)
    used_[b / blocks_per_chunk] |= u32{1} << (b % blocks_per_chunk);
  return {};
}

BlockPool::~BlockPool() {
  cooler_.stop();
  for (const u32 b : keepers_) delete std::exchange(blocks_[b].kept, nullptr);
  for (u64 b = 0; blocks_ != nullptr && used_ != nullptr && b < block_count_; ++b) {
    if (b % blocks_per_chunk == 0 && used_[b / blocks_per_chunk] == 0) {
      b += blocks_per_chunk - 1;
      continue;
    }
    forget_frames(blocks_[b]);
    delete blocks_[b].kept;
  }
  if (blocks_ != nullptr) munmap(blocks_, block_count_ * sizeof(Block));
  if (used_ != nullptr) munmap(used_, chunk_count_ * sizeof(u32));
}

bool BlockPool::take(u64 b) {
  if (b >= block_count_) return false;
  const u32 bit = u32{1} << (b % blocks_per_chunk);
  u32& word = used_[b / blocks_per_chunk];
  if ((word & bit) != 0) return false;
  word |= bit;
  used_count_.fetch_add(1, std::memory_order_relaxed);
  Block& m = block(BlockNumber(b));
  assert(idle(m) && m.frames == nullptr);
  if (m.kept != nullptr) std::erase(keepers_, static_cast<u32>(b));
  if (warm_.has(b)) {
    warm_.remove(b);
    kept_count_.fetch_sub(pages_per_huge, std::memory_order_relaxed);
    m.stale = true;
  }
  m.refused = 0;
  m.whole = 1;
  return true;
}

Result<BlockNumber> BlockPool::allocate(u64 slot, BlockNumber wanted, Use use, bool* warm) {
  const BlockNumber b = TRY(allocate_any(slot, wanted, use));
  if (use == Use::covered && block(b).stale) {
    block(b).stale = false;
    warm_used_.fetch_add(1, std::memory_order_relaxed);
    *warm = true;
    return b;
  }
  if (use != Use::overwritten || block(b).stale) give_back_kept(b);
  return b;
}

Result<BlockNumber> BlockPool::allocate_any(u64 slot, BlockNumber wanted, Use use) {
  LockGuard guard(allocation_);
  const u64 place = slot % blocks_per_chunk;
  // A block that is warm is worth more than one beside the neighbours.
  if (use == Use::covered && (wanted == no_block || !warm_.has(wanted.value())))
    if (const auto b = warm_.last_at(place); b && take(*b)) return BlockNumber(*b);
  if (use == Use::overwritten) {
    for (std::size_t i = keepers_.size(); i-- != 0;)
      if (const u32 b = keepers_[i]; b % blocks_per_chunk == place && take(b)) return BlockNumber(b);
  }
  if (wanted != no_block && take(wanted.value())) return wanted;
  while (!free_chunks_.empty()) {
    const u64 chunk = free_chunks_.back();
    free_chunks_.pop_back();
    if (used_[chunk] == 0 && !warm_.any_in(chunk) && take(chunk * blocks_per_chunk + place))
      return BlockNumber(chunk * blocks_per_chunk + place);
  }
  if (next_chunk_ < chunk_count_) {
    const u64 b = next_chunk_++ * blocks_per_chunk + place;
    if (take(b)) return BlockNumber(b);
  }
  for (u64 chunk = 0; chunk < chunk_count_; ++chunk) {
    if (used_[chunk] == ~u32{0}) continue;
    const u64 b = chunk * blocks_per_chunk + static_cast<unsigned>(__builtin_ctz(~used_[chunk]));
    if (take(b)) return BlockNumber(b);
  }
  return err(ENOMEM);
}

Result<BlockNumber> BlockPool::allocate_run(u64 n, u64 slot) {
  LockGuard guard(allocation_);
  const u64 place = slot % blocks_per_chunk;
  const u64 chunks = (place + n + blocks_per_chunk - 1) / blocks_per_chunk;
  u64 first = ~u64{0};
  if (chunks == 1 && !free_chunks_.empty() && used_[free_chunks_.back()] == 0 &&
      !warm_.any_in(free_chunks_.back())) {
    first = free_chunks_.back() * blocks_per_chunk + place;
    free_chunks_.pop_back();
  } else if (chunks <= chunk_count_ - next_chunk_ &&
             next_chunk_ * blocks_per_chunk + place + n <= block_count_) {
    first = next_chunk_ * blocks_per_chunk + place;
    next_chunk_ += chunks;
  } else {
    u64 run = 0;
    for (u64 b = 0; b < block_count_ && run < n; ++b) {
      const bool used = (used_[b / blocks_per_chunk] >> (b % blocks_per_chunk) & 1) != 0;
      run = used ? 0 : run + 1;
      if (run == n) first = b + 1 - n;
    }
  }
  if (first == ~u64{0}) return err(ENOMEM);
  for (u64 b = first; b < first + n; ++b) {
    [[maybe_unused]] const bool taken = take(b);
    assert(taken);
  }
  guard.unlock();
  for (u64 b = first; b < first + n; ++b) give_back_kept(BlockNumber(b));
  return BlockNumber(first);
}

void BlockPool::mark_huge(BlockNumber b) {
  LockGuard guard(stripe(b));
  block(b).huge = true;
}

void BlockPool::mark_free(BlockNumber first, u64 n) {
  // Nobody names these blocks any more: they are ours until they are marked.
  for (u64 b = first.value(); b < first.value() + n; ++b)
    if (std::exchange(blocks_[b].huge, false)) huge_released_(BlockNumber(b));
  LockGuard guard(allocation_);
  used_count_.fetch_sub(n, std::memory_order_relaxed);
  for (u64 b = first.value(); b < first.value() + n; ++b) {
    u32& word = used_[b / blocks_per_chunk];
    word &= ~(u32{1} << (b % blocks_per_chunk));
    if (blocks_[b].kept != nullptr) keepers_.push_back(static_cast<u32>(b));
    if (word == 0 && !warm_.any_in(b / blocks_per_chunk))
      free_chunks_.push_back(static_cast<u32>(b / blocks_per_chunk));
  }
}

void BlockPool::mark_dense(BlockNumber first, u64 n) {
  for (u64 b = first.value(); b < first.value() + n; ++b) {
    LockGuard guard(stripe(BlockNumber(b)));
    block(BlockNumber(b)).dense = true;
  }
}

bool BlockPool::hold_small(BlockNumber b) {
  LockGuard guard(stripe(b));
  Block& m = block(b);
  if (m.dense || m.huge || m.refused == most_refused) return false;
  ++m.homes;
  return true;
}

// The host fills what it finds to be a hole. So what was given back meanwhile is given back once more.
bool BlockPool::collapse_held(BlockNumber b) {
  LockGuard guard(stripe(b));
  Block& m = block(b);
  const u16 cleared = m.cleared;
  guard.unlock();
  const bool done = memory_.collapse(first_frame(b)).has_value();
  guard.lock();
  const bool dense = done && m.cleared == cleared;
  if (dense)
    m.full = m.dense = true;
  else if (!done)
    ++m.refused;
  if (done && !dense && m.whole == 0) {
    Pages unnamed;
    ensure_frames(m);
    for (unsigned i = 0; i < pages_per_huge; ++i)
      if (m.frames[i] == 0) {
        unnamed[i] = true;
        m.frames[i] = dying;
        ++m.named;
      }
    guard.unlock();
    clear(b, unnamed);
    guard.lock();
    for (unsigned i = 0; i < pages_per_huge; ++i)
      if (unnamed[i]) {
        m.frames[i] = 0;
        --m.named;
      }
  }
  guard.unlock();
  release_home(b);
  return dense;
}

bool BlockPool::worth_keeping(BlockNumber b) {
  {
    LockGuard guard(stripe(b));
    if (!block(b).dense || block(b).huge) return false;
  }
  return with_data(first_frame(b), pages_per_huge) == pages_per_huge;
}

u64 BlockPool::room_for_warm() {
  if (!keep_warm_.load(std::memory_order_relaxed)) return 0;
  LockGuard guard(allocation_);
  const u64 room = spare_.bytes() / huge_size;
  return room - std::min(room, warm_.count());
}

// The caller alone names these blocks, as wholes.
void BlockPool::make_warm(BlockNumber first, u64 n) {
  for (u64 b = first.value(); b < first.value() + n; ++b) {
    LockGuard guard(stripe(BlockNumber(b)));
    forget_frames(blocks_[b]);
    blocks_[b].whole = 0;
  }
  {
    LockGuard guard(allocation_);
    const auto now = WarmBlocks::Clock::now();
    for (u64 b = first.value(); b < first.value() + n; ++b) {
      used_[b / blocks_per_chunk] &= ~(u32{1} << (b % blocks_per_chunk));
      warm_.add(b, now);
    }
    used_count_.fetch_sub(n, std::memory_order_relaxed);
    kept_count_.fetch_add(n * pages_per_huge, std::memory_order_relaxed);
  }
  cooler_.stir();
}

// Some at a time: others have to wait while the file is being punched.
bool BlockPool::cool(WarmBlocks::Clock::duration age, std::chrono::microseconds pause) {
  for (;;) {
    std::vector<u64> ours;
    bool more = false;
    {
      LockGuard guard(allocation_);
      for (const u64 b : warm_.since(WarmBlocks::Clock::now() - age)) {
        if (ours.size() == cooled_at_once) break;
        if (take(b)) ours.push_back(b);
      }
      more = warm_.count() != 0;
    }
    give_back(ours);
    if (ours.size() < cooled_at_once) return more;
    if (pause.count() == 0) continue;
    if (cooler_.stopping()) return false;
    std::this_thread::sleep_for(pause);
  }
}

// In ascending order: neighbours go in one call.
void BlockPool::give_back(const std::vector<u64>& blocks) {
  for (std::size_t i = 0; i < blocks.size();) {
    std::size_t e = i + 1;
    while (e < blocks.size() && blocks[e] == blocks[e - 1] + 1) ++e;
    const BlockNumber first(blocks[i]);
    for (std::size_t k = i; k < e; ++k) blocks_[blocks[k]].stale = false;
    clear(first_frame(first), (e - i) * pages_per_huge);
    for (std::size_t k = i; k < e; ++k) {
      LockGuard guard(stripe(BlockNumber(blocks[k])));
      blocks_[blocks[k]].whole = 0;
    }
    mark_free(first, e - i);
    i = e;
  }
}

void BlockPool::forget_full(FrameNumber f, u64 n) {
  for (BlockNumber b = block_of(f); b <= block_of(f + (n - 1)); b = BlockNumber(b.value() + 1)) {
    LockGuard guard(stripe(b));
    block(b).full = block(b).dense = false;
    ++block(b).cleared;
  }
}

u64 BlockPool::with_data(FrameNumber first, u64 n) {
  u64 pages = 0;
  while (n != 0) {
    const BlockNumber b = block_of(first);
    const u64 part = std::min<u64>(n, pages_per_huge - index_in_block(first));
    u16 cleared = 0;
    bool full = false;
    {
      LockGuard guard(stripe(b));
      full = block(b).full;
      cleared = block(b).cleared;
    }
    const u64 found = full ? part : memory_.stored(first, PageCount(part));
    if (!full && found == pages_per_huge) {
      LockGuard guard(stripe(b));
      block(b).full = block(b).cleared == cleared;
    }
    pages += found;
    first += part;
    n -= part;
  }
  return pages;
}

// Whoever looks meanwhile sees the old storage or the new hole, so what he saw counts neither if he began
// before nor if he ended before it was gone.
void BlockPool::clear(FrameNumber f, u64 n) {
  forget_full(f, n);
  // The one error that can happen here is the host lacking memory to split a huge page: then the
  // bytes are cleared instead, for whoever names the frames next must find zeros.
  if (!memory_.punch(f, PageCount(n))) {
    static constexpr std::array<std::byte, page_size> zeros{};
    for (u64 i = 0; i < n; ++i) (void)memory_.checked_copy(memory_.at(f + i), zeros.data(), page_size);
  }
  forget_full(f, n);
}

template <typename F>
void BlockPool::for_runs(const Pages& pages, F&& f) {
  for (unsigned i = 0; i < pages_per_huge;) {
    if (!pages[i]) {
      ++i;
      continue;
    }
    unsigned e = i;
    while (e < pages_per_huge && pages[e]) ++e;
    f(i, e - i);
    i = e;
  }
}

void BlockPool::clear(BlockNumber b, const Pages& pages) {
  for_runs(pages, [&](unsigned i, unsigned n) { clear(first_frame(b) + i, n); });
}

bool BlockPool::keep(FrameNumber f, u32 n, Pages& kept) {
  static constexpr std::array<std::byte, page_size> zeros{};
  const u64 most = most_kept + ready_count_.load(std::memory_order_relaxed);
  if (n > most_kept_run || kept_count_.load(std::memory_order_relaxed) + n > most) return false;
  const FrameNumber end = f + n;
  for (FrameNumber at = memory_.next_data(f, end); at < end; at = memory_.next_data(at, end)) {
    for (const FrameNumber stop = memory_.next_hole(at, end); at < stop; at += 1) {
      if (!memory_.checked_copy(memory_.at(at), zeros.data(), page_size)) return false;
      kept[index_in_block(at)] = true;
    }
  }
  return true;
}

void BlockPool::forget_kept(Block& m, u64 n) {
  kept_count_.fetch_sub(n, std::memory_order_relaxed);
  if (m.kept->any()) return;
  delete m.kept;
  m.kept = nullptr;
}

void BlockPool::give_back_kept(BlockNumber b) {
  if (std::exchange(block(b).stale, false)) {
    clear(first_frame(b), pages_per_huge);
    return;
  }
  Pages kept;
  {
    LockGuard guard(stripe(b));
    Block& m = block(b);
    if (m.kept == nullptr) return;
    kept = *m.kept;
    m.kept->reset();
    forget_kept(m, kept.count());
  }
  clear(b, kept);
}

bool BlockPool::trim() {
  const bool any = kept_bytes() != 0;
  (void)cool({}, {});
  give_back_keepers();
  return any;
}

void BlockPool::give_back_keepers() {
  ready_count_.store(0, std::memory_order_relaxed);
  std::vector<u32> ours;
  {
    LockGuard guard(allocation_);
    for (const u32 b : std::vector<u32>(keepers_))
      if (take(b)) ours.push_back(b);
  }
  for (const u32 b : ours) {
    give_back_kept(BlockNumber(b));
    {
      LockGuard guard(stripe(BlockNumber(b)));
      block(BlockNumber(b)).whole = 0;
    }
    mark_free(BlockNumber(b), 1);
  }
}

void BlockPool::make_ready(const std::vector<Likely>& copies) {
  std::vector<u32> claimed;
  u64 ready = 0;
  for (const Likely& copy : copies) {
    const u64 place = copy.slot % blocks_per_chunk;
    auto lacks_nothing = [&](u32 b) REQUIRES(allocation_) {
      // Of a free block only those change that who have the lock of allocation.
      return b % blocks_per_chunk == place && std::ranges::find(claimed, b) == claimed.end() &&
             (copy.pages & ~*blocks_[b].kept).none();
    };
    ready += copy.pages.count();
    {
      LockGuard guard(allocation_);
      const auto found = std::ranges::find_if(keepers_, lacks_nothing);
      if (found != keepers_.end()) {
        claimed.push_back(*found);
        continue;
      }
    }
    const auto b = allocate(copy.slot, no_block);
    if (!b) break;
    Pages stored;
    constexpr std::byte zero{};
    for (unsigned i = 0; i < pages_per_huge; ++i)
      if (copy.pages[i]) stored[i] = memory_.checked_copy(memory_.at(first_frame(*b) + i), &zero, 1);
    {
      LockGuard guard(stripe(*b));
      Block& m = block(*b);
      assert(m.kept == nullptr);
      m.kept = new Pages(stored);
      kept_count_.fetch_add(stored.count(), std::memory_order_relaxed);
      m.whole = 0;
    }
    mark_free(*b, 1);
    claimed.push_back(static_cast<u32>(b->value()));
    if (stored != copy.pages) break;  // the host has none left
  }
  ready_count_.store(ready, std::memory_order_relaxed);
}

void BlockPool::drop_ready() {
  if (ready_count_.load(std::memory_order_relaxed) != 0) give_back_keepers();
}

bool BlockPool::known_full(BlockNumber b) const {
  LockGuard guard(stripe(b));
  return block(b).dense || block(b).huge || block(b).full;
}

bool BlockPool::dense(BlockNumber b) const {
  LockGuard guard(stripe(b));
  return block(b).dense || block(b).huge;
}

void BlockPool::ensure_frames(Block& b) {
  if (b.frames == nullptr)
    b.frames = static_cast<u32*>(std::memset(FrameCounts::take(), 0, pages_per_huge * sizeof(u32)));
}

void BlockPool::forget_frames(Block& b) {
  if (b.frames != nullptr) FrameCounts::give(std::exchange(b.frames, nullptr));
}

void BlockPool::retain_whole(BlockNumber b) {
  LockGuard guard(stripe(b));
  assert(block(b).whole > 0);
  ++block(b).whole;
}

void BlockPool::release_whole(BlockNumber first, u64 n) {
  // Neighbours that nobody else names go back to the host in one call.
  u64 b = first.value();
  const u64 end = b + n;
  while (b < end) {
    u64 alone = 0;
    while (b + alone < end && sole(BlockNumber(b + alone))) {
      LockGuard guard(stripe(BlockNumber(b + alone)));
      if (block(BlockNumber(b + alone)).homes != 0) break;
      ++alone;
    }
    if (alone == 0) {
      release_last_whole(BlockNumber(b));
      ++b;
      continue;
    }
    const u64 room = std::min(alone, room_for_warm());
    u64 warm = 0;
    while (warm < room && worth_keeping(BlockNumber(b + warm))) ++warm;
    if (warm != 0) {
      make_warm(BlockNumber(b), warm);
      b += warm;
      continue;
    }
    for (u64 i = 1; i < room; ++i)
      if (worth_keeping(BlockNumber(b + i))) {
        alone = i;
        break;
      }
    clear(first_frame(BlockNumber(b)), alone * pages_per_huge);
    for (u64 i = 0; i < alone; ++i) {
      LockGuard guard(stripe(BlockNumber(b + i)));
      Block& m = block(BlockNumber(b + i));
      m.whole = 0;
      forget_frames(m);
    }
    mark_free(BlockNumber(b), alone);
    b += alone;
  }
}

void BlockPool::release_last_whole(BlockNumber b) {
  Pages punched;
  LockGuard guard(stripe(b));
  Block& m = block(b);
  assert(m.whole > 0);
  while (m.whole == 1) {
    // The whole count stays until the storage is gone: nobody can name a frame meanwhile.
    Pages now;
    for (unsigned i = 0; i < pages_per_huge; ++i)
      if ((m.frames == nullptr || m.frames[i] == 0) && !punched[i]) now[i] = true;
    if (now.none()) break;
    guard.unlock();
    clear(b, now);
    guard.lock();
    punched |= now;
  }
  --m.whole;
  if (!idle(m)) return;
  forget_frames(m);
  guard.unlock();
  mark_free(b, 1);
}

void BlockPool::split(BlockNumber b) {
  LockGuard guard(stripe(b));
  Block& m = block(b);
  assert(m.whole > 0);
  ensure_frames(m);
  if (m.named == 0) {
    for (unsigned i = 0; i < pages_per_huge; ++i) m.frames[i] = 1;
    m.named = pages_per_huge;
  } else {
    for (unsigned i = 0; i < pages_per_huge; ++i) {
      assert(m.frames[i] != dying);
      if (m.frames[i]++ == 0) ++m.named;
    }
  }
  --m.whole;
}

bool BlockPool::merge(BlockNumber b) {
  LockGuard guard(stripe(b));
  Block& m = block(b);
  if (m.whole != 0 || m.named != pages_per_huge) return false;
  for (unsigned i = 0; i < pages_per_huge; ++i)
    if (m.frames[i] != 1) return false;
  forget_frames(m);
  m.named = 0;
  m.whole = 1;
  return true;
}

void BlockPool::retain_home(BlockNumber b) {
  LockGuard guard(stripe(b));
  ++block(b).homes;
}

void BlockPool::whole_to_home(BlockNumber b) {
  LockGuard guard(stripe(b));
  assert(block(b).whole == 1);
  block(b).whole = 0;
  ++block(b).homes;
}

void BlockPool::release_home(BlockNumber b) {
  LockGuard guard(stripe(b));
  Block& m = block(b);
  assert(m.homes > 0);
  --m.homes;
  if (!idle(m)) return;
  forget_frames(m);
  guard.unlock();
  mark_free(b, 1);
}

u32 BlockPool::name_run(FrameNumber f, u32 n, Use use, bool* stored) {
  LockGuard guard(stripe(block_of(f)));
  Block& m = block(block_of(f));
  if (m.whole != 0) return 0;
  ensure_frames(m);
  const unsigned first = index_in_block(f);
  assert(first + n <= pages_per_huge);
  u32 done = 0;
  while (done < n && m.frames[first + done] == 0) m.frames[first + done++] = 1;
  m.named += done;
  if (m.kept == nullptr) return done;
  Pages kept;
  for (unsigned i = first; i < first + done; ++i) kept[i] = (*m.kept)[i];
  if (kept.none()) return done;
  *m.kept &= ~kept;
  forget_kept(m, kept.count());
  guard.unlock();
  if (use == Use::fresh)
    clear(block_of(f), kept);
  else if (stored != nullptr)
    *stored = true;
  return done;
}

void BlockPool::retain_frames(FrameNumber f, u32 n) {
  LockGuard guard(stripe(block_of(f)));
  Block& m = block(block_of(f));
  ensure_frames(m);
  const unsigned first = index_in_block(f);
  assert(first + n <= pages_per_huge);
  for (unsigned i = first; i < first + n; ++i) {
    assert(m.frames[i] != dying && m.whole + m.frames[i] > 0);
    if (m.frames[i]++ == 0) ++m.named;
  }
}

void BlockPool::release_frames(FrameNumber f, u32 n) {
  const BlockNumber b = block_of(f);
  const unsigned first = index_in_block(f);
  Pages last, kept;
  LockGuard guard(stripe(b));
  Block& m = block(b);
  assert(m.frames != nullptr && first + n <= pages_per_huge);
  for (unsigned i = first; i < first + n; ++i) {
    assert(m.frames[i] != 0 && m.frames[i] != dying);
    if (m.frames[i] == 1 && m.whole == 0) {
      m.frames[i] = dying;  // still counted, so that the home's owner does not name it meanwhile
      last[i] = true;
    } else if (--m.frames[i] == 0) {
      --m.named;
    }
  }
  if (last.any()) {
    guard.unlock();
    for_runs(last, [&](unsigned i, unsigned run) {
      Pages now;
      if (keep(first_frame(b) + i, run, now))
        kept |= now;
      else
        clear(first_frame(b) + i, run);
    });
    guard.lock();
    for (unsigned i = first; i < first + n; ++i)
      if (last[i]) {
        m.frames[i] = 0;
        --m.named;
      }
    if (kept.any()) {
      if (m.kept == nullptr) m.kept = new Pages;
      *m.kept |= kept;
      kept_count_.fetch_add(kept.count(), std::memory_order_relaxed);
    }
  }
  if (!idle(m)) return;
  forget_frames(m);
  guard.unlock();
  mark_free(b, 1);
}

u32 BlockPool::count(FrameNumber f) const {
  LockGuard guard(stripe(block_of(f)));
  const Block& m = block(block_of(f));
  const u32 n = m.frames == nullptr ? 0 : m.frames[index_in_block(f)];
  return m.whole + (n == dying ? 1 : n);
}

bool BlockPool::sole(BlockNumber b) const {
  LockGuard guard(stripe(b));
  const Block& m = block(b);
  return m.whole == 1 && m.named == 0;
}

u32 BlockPool::uniform_run(FrameNumber f, u32 n, bool& exclusive) const {
  LockGuard guard(stripe(block_of(f)));
  const Block& m = block(block_of(f));
  const unsigned first = index_in_block(f);
  assert(first + n <= pages_per_huge);
  if (m.named == 0) {
    exclusive = m.whole == 1;
    return n;
  }
  exclusive = m.whole + m.frames[first] == 1;
  u32 run = 1;
  while (run < n && (m.whole + m.frames[first + run] == 1) == exclusive) ++run;
  return run;
}

BlockPool::Counts BlockPool::counts(BlockNumber b) const {
  LockGuard guard(stripe(b));
  const Block& m = block(b);
  Counts c{m.whole, m.homes, m.named, {}};
  if (m.frames != nullptr) c.frames.assign(m.frames, m.frames + pages_per_huge);
  return c;
}

}  // namespace quire::mm
