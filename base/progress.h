// A progress bar on standard error, for commands that take more than a moment.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "base/types.h"

namespace quire {

/// Draws `label [#####.....] 42 %  1.3 s left` on a terminal, at most ten times a second, and only
/// once half a second has passed; silent in pipes. advance() may be called from any thread.
class Progress {
 public:
  Progress(std::string label, u64 total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(u64 by = 1);
  /// Removes the bar; called by the destructor too.
  void finish();

 private:
  void draw(u64 done);

  std::string label_;
  u64 total_;
  bool enabled_;
  std::atomic<u64> done_{0};
  std::atomic<i64> next_draw_ms_{500};
  std::atomic<bool> drawn_{false};
  std::chrono::steady_clock::time_point start_;
};

}  // namespace quire
