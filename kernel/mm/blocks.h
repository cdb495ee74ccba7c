// Blocks: 2 MiB pieces of the memory file, and the counts of their frames.
//
// A block is named as a whole (by an entry of a second-level table, or by an object's page cache), or
// page by page (by entries of last-level tables), or both. A frame's count is the sum of the two. A
// last-level table that takes its fresh frames from a block is a "home" holder: that keeps the block
// from being given away while single frames in it come and go.
//
// A frame whose count is zero holds no storage: the last release gives the page back to the host, so
// that the next to name it finds a hole, which reads as zeros. But to give a page back and to have one again
// costs more than all else in a small fork and exit. So a few pages (`most_kept` in all) that were released
// in small pieces are cleared instead and stay, for those who name frames to write over them
// (`Use::overwritten`); whoever else names one finds it given back. Blocks that were filled stay warm for a
// while (`warm.h`), for those who copy a whole block.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <functional>
#include <memory>
#include <vector>

#include "base/lock.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"
#include "kernel/abi/types.h"
#include "kernel/mm/background.h"
#include "kernel/mm/slab.h"
#include "kernel/mm/warm.h"
#include "kernel/platform/memory.h"

namespace quire::mm {

/// A 2 MiB block of the memory file: byte offset / 2 MiB.
using BlockNumber = StrongInt<struct BlockTag>;
inline constexpr BlockNumber no_block{~u64{0}};

constexpr FrameNumber first_frame(BlockNumber b) { return FrameNumber(b.value() * pages_per_huge); }
constexpr BlockNumber block_of(FrameNumber f) { return BlockNumber(f.value() / pages_per_huge); }
constexpr unsigned index_in_block(FrameNumber f) { return static_cast<unsigned>(f.value() % pages_per_huge); }

using FrameCounts = Slab<pages_per_huge * sizeof(u32)>;

/// What is to become of frames that somebody names: zeros until they are touched, overwritten at once, or, of
/// a whole block that nobody sees before, covered by a copy from end to end.
enum class Use : u8 { fresh, overwritten, covered };

/// Hands out blocks and keeps the counts of their frames. All methods may be called from any thread,
/// with locks of a rank below `frames` held.
class BlockPool {
 public:
  static Result<std::unique_ptr<BlockPool>> create(platform::Memory& memory);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  /// A free block, counted once as a whole. `wanted` is taken if it is free (no_block: no wish);
  /// else one whose place in a fresh 64 MiB chunk is that of `slot` (address / 2 MiB), so that
  /// neighbours can follow in both directions. With `Use::overwritten` it may have kept pages, which
  /// only name_run() knows how to give out: it is to become a home. With `Use::covered` it may be warm, and
  /// then holds what others had in it; `warm` says so. ENOMEM when the file has no free block.
  Result<BlockNumber> allocate(u64 slot, BlockNumber wanted, Use use = Use::fresh, bool* warm = nullptr);
  /// `n` consecutive free blocks, each counted once as a whole, the first at the place of `slot` in
  /// its chunk. ENOMEM.
  Result<BlockNumber> allocate_run(u64 n, u64 slot);

  void retain_whole(BlockNumber b);
  /// Drops a whole count of each of `n` consecutive blocks; what nobody names any more goes back to
  /// the host.
  void release_whole(BlockNumber first, u64 n);
  /// Turns one whole count into one count of each of the 512 frames.
  void split(BlockNumber b);
  /// The reverse: every frame must be named exactly once and the block not as a whole.
  bool merge(BlockNumber b);

  void retain_home(BlockNumber b);
  /// Turns the whole count that allocate() gave into a home count.
  void whole_to_home(BlockNumber b);
  void release_home(BlockNumber b);
  /// Names the first of the `n` frames from `f` (within one block) that are unnamed, as far as they
  /// are consecutive from `f` on; returns how many. `stored`: some of them have storage, all zeros, for
  /// they are about to be overwritten.
  u32 name_run(FrameNumber f, u32 n, Use use, bool* stored = nullptr);

  /// `n` consecutive frames within one block.
  void retain_frames(FrameNumber f, u32 n);
  void release_frames(FrameNumber f, u32 n);

  /// Gives the storage of frames back to the host: they read as zeros.
  void clear(FrameNumber f, u64 n);

  /// How many of the `n` frames from `first` on have storage. A block that was found full is not looked at
  /// again until something of it is given back.
  u64 with_data(FrameNumber first, u64 n);

  /// How many table entries name the frame.
  u32 count(FrameNumber f) const;
  /// True when one table entry names the whole block and nothing else names any frame of it.
  bool sole(BlockNumber b) const;
  /// Length of the run from `f` (at most `n`, within one block) whose frames are all counted exactly
  /// once, or all counted more than once; `exclusive` says which.
  u32 uniform_run(FrameNumber f, u32 n, bool& exclusive) const;

  /// A block that the caller names wholly and alone, and which the host may have in small pages: true, and it
  /// is held (as a home) until collapse_held() or release_home(). False: it is huge already, or cannot be.
  bool hold_small(BlockNumber b);
  /// Asks the host to make the held block one huge page, and lets it go. Whoever named it may have dropped it
  /// meanwhile. True if it is one now. No lock held; takes as long as a copy of it.
  bool collapse_held(BlockNumber b);

  /// Storage that copies will need: for a window at `slot` (address / 2 MiB), of these of its pages.
  struct Likely {
    u64 slot = 0;
    std::bitset<pages_per_huge> pages;
  };
  /// Sees to it that blocks which are to become homes of such windows (`Use::overwritten`) have these pages
  /// kept, as long as the host gives storage. For one caller at a time, with no lock held.
  void make_ready(const std::vector<Likely>& copies);
  /// Gives that back, as far as it was not used.
  void drop_ready();
  /// Whether the host has the block in one huge page, as far as is known.
  bool dense(BlockNumber b) const;
  /// Whether every frame of the block has storage, as far as is known.
  bool known_full(BlockNumber b) const;

  /// The blocks were given huge pages by the host, and are filled: worth keeping when they are given up.
  void mark_dense(BlockNumber first, u64 n);
  /// Whether any block stays warm (`--no-keep`); they do from the start on.
  void keep_warm(bool on) { keep_warm_ = on; }

  /// The block, just allocated, is a huge page of the pool: `on_huge_release` hears of its end, with no
  /// lock of this class held, when its storage is gone.
  void mark_huge(BlockNumber b);
  void on_huge_release(std::function<void(BlockNumber)> f) { huge_released_ = std::move(f); }

  /// Storage that nobody uses: it counts as free.
  u64 kept_bytes() const { return kept_count_.load(std::memory_order_relaxed) * page_size; }
  /// Gives back what is kept in free blocks. True if there was anything.
  bool trim();
  /// No thread of the pool's own from here on.
  void stop_background() { cooler_.stop(); }
  /// How many blocks are warm.
  u64 warm() const {
    LockGuard guard(allocation_);
    return warm_.count();
  }
  /// How many warm blocks were used again.
  u64 warm_used() const { return warm_used_.load(std::memory_order_relaxed); }

  u64 blocks_used() const { return used_count_.load(std::memory_order_relaxed); }
  platform::Memory& memory() { return memory_; }
  /// For tests: whole, home and per-frame counts as they stand.
  struct Counts {
    u32 whole = 0, homes = 0, named = 0;
    std::vector<u32> frames;
  };
  Counts counts(BlockNumber b) const;

 private:
  using Pages = std::bitset<pages_per_huge>;
  struct Block {
    u32 whole = 0;
    u32 homes = 0;
    u32 named = 0;          // entries of `frames` that are not zero
    bool huge = false;      // taken from the huge-page pool
    bool full = false;      // every frame has storage: with_data() has seen it
    bool dense = false;     // given a huge page; no part of it was given back since
    u8 refused = 0;         // how often the host did not make a huge page of it
    bool stale = false;     // just taken by allocate(), and holds what others had in it
    u16 cleared = 0;        // how often storage was given back: what was seen before may be wrong
    u32* frames = nullptr;  // counts by page; allocated while needed (FrameCounts)
    Pages* kept = nullptr;  // unnamed frames that have storage, all zeros
  };
  using StripeLock = Mutex<locks::frames>;
  static constexpr unsigned stripes = 256;
  static constexpr u32 dying = ~u32{0};  // count of a frame whose storage is on its way to the host
  static constexpr u64 most_kept = 256;  // pages, beside those that were made ready
  static constexpr unsigned most_kept_run = 32;
  static constexpr u8 most_refused = 3;

  explicit BlockPool(platform::Memory& memory);
  bool worth_keeping(BlockNumber b);
  /// How many more blocks may become warm.
  u64 room_for_warm();
  void make_warm(BlockNumber first, u64 n);
  /// Blocks that were warm for long are given back. True if there are others.
  bool cool(WarmBlocks::Clock::duration age, std::chrono::microseconds pause);
  void give_back(const std::vector<u64>& blocks);
  void give_back_keepers();
  Result<> reserve();
  StripeLock& stripe(BlockNumber b) const { return stripe_[(b.value() * 0x9e3779b97f4a7c15u) >> 56]; }
  Block& block(BlockNumber b) const { return blocks_[b.value()]; }
  static bool idle(const Block& b) { return b.whole == 0 && b.homes == 0 && b.named == 0; }
  static void ensure_frames(Block& b);
  static void forget_frames(Block& b);
  bool take(u64 b) REQUIRES(allocation_);
  Result<BlockNumber> allocate_any(u64 slot, BlockNumber wanted, Use use);
  void mark_free(BlockNumber first, u64 n);
  void release_last_whole(BlockNumber b);
  /// The pages of a block, run by run.
  template <typename F>
  static void for_runs(const Pages& pages, F&& f);
  void clear(BlockNumber b, const Pages& pages);
  /// with_data() has to look again.
  void forget_full(FrameNumber f, u64 n);
  /// Gives back what a block has kept. The caller owns the block, and no lock is held.
  void give_back_kept(BlockNumber b);
  /// Clears released frames in place, if few are kept so far; else they are to be given back.
  bool keep(FrameNumber f, u32 n, Pages& kept);
  void forget_kept(Block& m, u64 n);

  platform::Memory& memory_;
  u64 block_count_ = 0;
  u64 chunk_count_ = 0;
  Block* blocks_ = nullptr;  // one each; host pages of it exist once touched
  mutable std::array<StripeLock, stripes> stripe_;

  mutable Mutex<locks::frames> allocation_;
  u32* used_ GUARDED_BY(allocation_) = nullptr;           // one bit a block, one word a chunk
  u64 next_chunk_ GUARDED_BY(allocation_) = 0;            // chunks from here on were never used
  std::vector<u32> free_chunks_ GUARDED_BY(allocation_);  // emptied again; checked when popped
  std::vector<u32> keepers_ GUARDED_BY(allocation_);      // free blocks that have kept pages
  WarmBlocks warm_ GUARDED_BY(allocation_);
  SpareMemory spare_ GUARDED_BY(allocation_);
  std::atomic<bool> keep_warm_{true};
  std::atomic<u64> used_count_{0}, kept_count_{0}, warm_used_{0}, ready_count_{0};
  std::function<void(BlockNumber)> huge_released_;
  Background cooler_;  // last: it uses the rest
};

}  // namespace quire::mm
