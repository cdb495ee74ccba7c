// Small pieces of memory that parents and children keep writing after forks: stack, heap, data.
#pragma once

#include <algorithm>
#include <utility>
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
    if (noted_.size() < most_noted && find(noted_, piece) == noted_.end()) noted_.push_back({piece});
  }
  /// A piece that is being looked for (write_watch.h) was written to.
  void expect(GuestRange piece) {
    LockGuard guard(lock_);
    auto at = find(expected_, piece);
    if (at == expected_.end()) {
      if (expected_.size() == most_expected) return;
      at = expected_.insert(at, {piece});
    }
    at->times += !std::exchange(at->lately, true);
  }
  /// From here on they are looked for once more. What was not written to since the last time is forgotten.
  void expect_anew() {
    LockGuard guard(lock_);
    std::erase_if(expected_, [](Piece& p) { return !std::exchange(p.lately, false); });
  }
  /// More of that range is written to than a fork should copy.
  void forget(GuestRange range) {
    LockGuard guard(lock_);
    std::erase_if(expected_,
                  [&](const Piece& p) { return p.at.begin < range.end && range.begin < p.at.end; });
  }
  /// What the first fork would copy beside the stack.
  std::vector<GuestRange> expected() {
    LockGuard guard(lock_);
    std::vector<GuestRange> pieces;
    if (forks_ == 0)
      for (const Piece& p : expected_)
        if (p.times >= proven) pieces.push_back(p.at);
    return pieces;
  }
  /// There was a fork, which told more than can be expected.
  bool known() {
    LockGuard guard(lock_);
    return forks_ != 0;
  }
  /// What a fork copies at once: what was copied after earlier ones, or, before the first, what was written
  /// to every time that it was looked for. Habits change: from time to time all is forgotten.
  std::vector<GuestRange> for_fork() {
    LockGuard guard(lock_);
    std::vector<GuestRange> pieces;
    for (const Piece& p : noted_) pieces.push_back(p.at);
    if (forks_ == 0)
      for (const Piece& p : expected_)
        if (p.times >= proven) pieces.push_back(p.at);
    expected_.clear();
    if (++forks_ % forks_until_relearnt == 0) noted_.clear();
    return pieces;
  }

 private:
  struct Piece {
    GuestRange at;
    u32 times = 0;  // of those that it was looked for
    bool lately = false;
  };
  using Pieces = std::vector<Piece>;
  static Pieces::iterator find(Pieces& pieces, GuestRange piece) {
    return std::ranges::find(pieces, piece.begin, [](const Piece& p) { return p.at.begin; });
  }
  static constexpr std::size_t most_noted = 16, most_expected = 48;
  static constexpr u32 proven = 2;
  static constexpr u32 forks_until_relearnt = 64;

  Mutex<locks::hot_pieces> lock_;
  Pieces noted_ GUARDED_BY(lock_), expected_ GUARDED_BY(lock_);
  u32 forks_ GUARDED_BY(lock_) = 0;
};

}  // namespace quire::mm
