// Which pieces of memory a process keeps writing to, found out before it forks.
//
// What both sides of a fork write to at once had better be copied by the fork (hot_pieces.h), but before a
// process has forked nobody knows what that is. So now and then windows of small pages lose the right to be
// written to, in the background: who writes to one takes a fault, gets the right back for a piece, and the
// piece is known.
#pragma once

#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "base/lock.h"
#include "kernel/abi/lock_order.h"

namespace quire::mm {

class WriteWatch {
 public:
  enum class Answer : u8 { unwatched, piece, whole };

  void begin(u64 window) {
    LockGuard guard(lock_);
    windows_[window] = 0;
    active_.store(true, std::memory_order_relaxed);
  }
  bool active() const { return active_.load(std::memory_order_relaxed); }
  /// A guest wrote to the window: whether it was watched, and is to get the right back for a piece or, where
  /// more than a few are written to, for the whole of it; that one is watched no longer.
  Answer wrote(u64 window) {
    if (!active_.load(std::memory_order_relaxed)) return Answer::unwatched;
    LockGuard guard(lock_);
    const auto it = windows_.find(window);
    if (it == windows_.end()) return Answer::unwatched;
    if (it->second++ < most_pieces) return Answer::piece;
    windows_.erase(it);
    return Answer::whole;
  }
  /// Which windows are still watched; none is from here on.
  std::vector<u64> end() {
    if (!active_.exchange(false, std::memory_order_relaxed)) return {};
    LockGuard guard(lock_);
    std::vector<u64> watched;
    for (const auto& [window, pieces] : std::exchange(windows_, {})) watched.push_back(window);
    return watched;
  }

 private:
  static constexpr u32 most_pieces = 4;

  std::atomic<bool> active_{false};
  Mutex<locks::write_watch> lock_;
  std::map<u64, u32> windows_ GUARDED_BY(lock_);  // pieces written to
};

}  // namespace quire::mm
