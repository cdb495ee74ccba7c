// Small pieces of memory that parents and children keep writing after forks: stack, heap, data.
#pragma once

#include <algorithm>
#include <vector>

#include "base/lock.h"
#include "base/ref.h"
#include "kernel/abi/lock_order.h"
#include "kernel/abi/types.h"

namespace quire::mm {

/// What a family of address spaces, forked from one another, has learnt. Mostly the child writes first, and
/// the piece is the parent's alone again before it has broken anything: so children tell what they broke.
class HotPieces final : public RefCounted {
 public:
  /// A piece was copied on a write.
  void note(GuestRange piece) {
    LockGuard guard(lock_);
    if (pieces_.size() >= most ||
        std::ranges::find(pieces_, piece.begin, &GuestRange::begin) != pieces_.end())
      return;
    pieces_.push_back(piece);
  }
  /// What was expected so far is looked for anew, if there was no fork yet that tells more.
  void expect_anew() {
    LockGuard guard(lock_);
    if (forks_ == 0) pieces_.clear();
  }
  /// A piece that is written to again and again, seen before there was a fork.
  void expect(GuestRange piece) {
    LockGuard guard(lock_);
    if (pieces_.size() < most_expected &&
        std::ranges::find(pieces_, piece.begin, &GuestRange::begin) == pieces_.end())
      pieces_.push_back(piece);
  }
  /// What was expected in that range is too much.
  void forget(GuestRange range) {
    LockGuard guard(lock_);
    std::erase_if(pieces_, [&](const GuestRange& p) { return p.begin < range.end && range.begin < p.end; });
  }
  /// What a fork copies at once. Habits change: from time to time all is forgotten.
  std::vector<GuestRange> for_fork() {
    LockGuard guard(lock_);
    std::vector<GuestRange> pieces = pieces_;
    if (++forks_ % forks_until_relearnt == 0) pieces_.clear();
    return pieces;
  }

 private:
  static constexpr std::size_t most = 16, most_expected = 32;
  static constexpr u32 forks_until_relearnt = 64;

  Mutex<locks::hot_pieces> lock_;
  std::vector<GuestRange> pieces_ GUARDED_BY(lock_);
  u32 forks_ GUARDED_BY(lock_) = 0;
};

}  // namespace quire::mm
