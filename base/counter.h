// A statistic that many threads add to.
#pragma once

#include <array>
#include <atomic>

#include "base/types.h"

namespace quire {

/// A sum in several cells, a cache line each: threads that add at the same time do not wait for each other's
/// processor. Reading adds up, and is exact once nobody adds any more.
class Counter {
 public:
  void add(u64 n) { cells_[own_cell()].n.fetch_add(n, std::memory_order_relaxed); }
  operator u64() const {
    u64 sum = 0;
    for (const Cell& c : cells_) sum += c.n.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static constexpr unsigned cells = 8;
  struct alignas(64) Cell {
    std::atomic<u64> n{0};
  };
  static unsigned own_cell() {
    static std::atomic<unsigned> next{0};
    thread_local const unsigned mine = next.fetch_add(1, std::memory_order_relaxed) % cells;
    return mine;
  }

  std::array<Cell, cells> cells_;
};

}  // namespace quire
