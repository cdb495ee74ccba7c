#include "base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace quire {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

Progress::Progress(std::string label, u64 total)
    : label_(std::move(label)),
      total_(std::max<u64>(total, 1)),
      enabled_(::isatty(STDERR_FILENO) == 1),
      start_(steady_clock::now()) {}

Progress::~Progress() { finish(); }

void Progress::advance(u64 by) {
  u64 done = done_.fetch_add(by, std::memory_order_relaxed) + by;
  if (!enabled_) return;
  i64 now = duration_cast<milliseconds>(steady_clock::now() - start_).count();
  i64 due = next_draw_ms_.load(std::memory_order_relaxed);
  // Whoever moves the due time forward draws; the others go on with their work.
  if (now >= due && next_draw_ms_.compare_exchange_strong(due, now + 100)) draw(done);
}

void Progress::draw(u64 done) {
  constexpr int width = 30;
  double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  double seconds = std::chrono::duration<double>(steady_clock::now() - start_).count();
  int full = static_cast<int>(share * width);
  std::string bar(static_cast<std::size_t>(full), '#');
  bar.append(static_cast<std::size_t>(width - full), '.');
  std::fprintf(stderr, "\r%s [%s] %3d %%  %.0f s left\033[K", label_.c_str(), bar.c_str(),
               static_cast<int>(share * 100), share > 0 ? seconds / share - seconds : 0.0);
  drawn_ = true;
}

void Progress::finish() {
  if (drawn_.exchange(false)) std::fprintf(stderr, "\r\033[K");
  enabled_ = false;
}

}  // namespace quire
