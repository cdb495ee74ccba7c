// Warm blocks: free blocks whose storage has not been given back to the host yet.
//
// To give a huge page back and to have another one costs the host a page fault and 2 MiB of zeros, and where
// the host is itself a guest whose free memory was taken away, milliseconds. So a block that was filled and
// is given up keeps its storage for some seconds, with its old contents: for those who copy a whole block
// over it (`Use::covered`). Nobody else sees it before it was given back.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <vector>

#include "base/types.h"

namespace quire::mm {

inline constexpr u64 blocks_per_chunk = 32;

/// Which free blocks are warm, and since when. Its owner's lock guards it.
class WarmBlocks {
 public:
  using Clock = std::chrono::steady_clock;

  void add(u64 block, Clock::time_point now);
  void remove(u64 block);
  bool has(u64 block) const;
  bool any_in(u64 chunk) const { return chunk < bits_.size() && bits_[chunk] != 0; }
  /// The last one that came to that place of its chunk.
  std::optional<u64> last_at(u64 place) const;
  /// Those that came before `then`.
  std::vector<u64> since(Clock::time_point then) const;
  u64 count() const { return count_; }

 private:
  struct Entry {
    u64 block;
    Clock::time_point came;
  };
  std::array<std::vector<Entry>, blocks_per_chunk> places_;  // oldest first
  std::vector<u32> bits_;                                    // by chunk, one a block
  u64 count_ = 0;
};

/// Memory that is free on the host and not needed by it: what may stay warm, in bytes. Looked up now and
/// then.
class SpareMemory {
 public:
  u64 bytes();

 private:
  WarmBlocks::Clock::time_point known_until_{};
  u64 bytes_ = 0;
};

}  // namespace quire::mm
