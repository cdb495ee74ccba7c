// Blocks: 2 MiB pieces of the memory file, and the counts of their frames.
//
// A block is named as a whole (by an entry of a second-level table, or by an object's page cache), or
// page by page (by entries of last-level tables), or both. A frame's count is the sum of the two. A
// last-level table that takes its fresh frames from a block is a "home" holder: that keeps the block
// from being given away while single frames in it come and go.
//
// A frame whose count is zero holds no storage: the last release gives the page back to the host, so
// that the next to name it finds a hole, which reads as zeros.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "base/lock.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"
#include "kernel/abi/types.h"
#include "kernel/platform/memory.h"

namespace quire::mm {

/// A 2 MiB block of the memory file: byte offset / 2 MiB.
using BlockNumber = StrongInt<struct BlockTag>;
inline constexpr BlockNumber no_block{~u64{0}};

constexpr FrameNumber first_frame(BlockNumber b) { return FrameNumber(b.value() * pages_per_huge); }
constexpr BlockNumber block_of(FrameNumber f) { return BlockNumber(f.value() / pages_per_huge); }
constexpr unsigned index_in_block(FrameNumber f) { return static_cast<unsigned>(f.value() % pages_per_huge); }

/// How many of the `n` frames from `first` on have storage. One host call a 2 MiB, however they lie.
u64 frames_with_data(platform::Memory& memory, FrameNumber first, u64 n);

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
  /// neighbours can follow in both directions. ENOMEM when the file has no free block.
  Result<BlockNumber> allocate(u64 slot, BlockNumber wanted);
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
  /// are consecutive from `f` on; returns how many.
  u32 name_run(FrameNumber f, u32 n);

  /// `n` consecutive frames within one block.
  void retain_frames(FrameNumber f, u32 n);
  void release_frames(FrameNumber f, u32 n);

  /// Gives the storage of frames back to the host: they read as zeros.
  void clear(FrameNumber f, u64 n);

  /// How many table entries name the frame.
  u32 count(FrameNumber f) const;
  /// True when one table entry names the whole block and nothing else names any frame of it.
  bool sole(BlockNumber b) const;
  /// Length of the run from `f` (at most `n`, within one block) whose frames are all counted exactly
  /// once, or all counted more than once; `exclusive` says which.
  u32 uniform_run(FrameNumber f, u32 n, bool& exclusive) const;

  /// The block, just allocated, is a huge page of the pool: `on_huge_release` hears of its end, with no
  /// lock of this class held, when its storage is gone.
  void mark_huge(BlockNumber b);
  void on_huge_release(std::function<void(BlockNumber)> f) { huge_released_ = std::move(f); }

  u64 blocks_used() const { return used_count_.load(std::memory_order_relaxed); }
  platform::Memory& memory() { return memory_; }
  /// For tests: whole, home and per-frame counts as they stand.
  struct Counts {
    u32 whole = 0, homes = 0, named = 0;
    std::vector<u32> frames;
  };
  Counts counts(BlockNumber b) const;

 private:
  struct Block {
    u32 whole = 0;
    u32 homes = 0;
    u32 named = 0;          // entries of `frames` that are not zero
    bool huge = false;      // taken from the huge-page pool
    u32* frames = nullptr;  // counts by page; allocated while needed
  };
  using StripeLock = Mutex<locks::frames>;
  static constexpr unsigned stripes = 256;
  static constexpr u32 dying = ~u32{0};  // count of a frame whose storage is on its way to the host
  static constexpr u64 blocks_per_chunk = 32;

  explicit BlockPool(platform::Memory& memory) : memory_(memory) {}
  Result<> reserve();
  StripeLock& stripe(BlockNumber b) const { return stripe_[(b.value() * 0x9e3779b97f4a7c15u) >> 56]; }
  Block& block(BlockNumber b) const { return blocks_[b.value()]; }
  static bool idle(const Block& b) { return b.whole == 0 && b.homes == 0 && b.named == 0; }
  static void ensure_frames(Block& b);
  static void forget_frames(Block& b);
  bool take(u64 b) REQUIRES(allocation_);
  void mark_free(BlockNumber first, u64 n);
  void release_last_whole(BlockNumber b);

  platform::Memory& memory_;
  u64 block_count_ = 0;
  u64 chunk_count_ = 0;
  Block* blocks_ = nullptr;  // one each; host pages of it exist once touched
  mutable std::array<StripeLock, stripes> stripe_;

  Mutex<locks::frames> allocation_;
  u32* used_ GUARDED_BY(allocation_) = nullptr;           // one bit a block, one word a chunk
  u64 next_chunk_ GUARDED_BY(allocation_) = 0;            // chunks from here on were never used
  std::vector<u32> free_chunks_ GUARDED_BY(allocation_);  // emptied again; checked when popped
  std::atomic<u64> used_count_{0};
  std::function<void(BlockNumber)> huge_released_;
};

}  // namespace quire::mm
