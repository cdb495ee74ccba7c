// What a path knows about an integer or pointer: an interval and one excluded value.
#pragma once

#include <algorithm>
#include <limits>

#include "metal/ir/expr.h"

namespace quire::metal {

/// The values that something can have. Null pointers are 0; other pointers count as positive.
struct ValueRange {
  static constexpr i64 kMin = std::numeric_limits<i64>::min();
  static constexpr i64 kMax = std::numeric_limits<i64>::max();

  i64 low = kMin;
  i64 high = kMax;
  bool has_hole = false;  ///< `hole` lies strictly inside and is excluded
  i64 hole = 0;

  static ValueRange constant(i64 v) { return {v, v, false, 0}; }
  static ValueRange nonzero() { return {kMin, kMax, true, 0}; }
  static ValueRange boolean() { return {0, 1, false, 0}; }

  bool any() const { return low == kMin && high == kMax && !has_hole; }
  bool is_constant() const { return low == high; }
  bool contains(i64 v) const { return low <= v && v <= high && !(has_hole && v == hole); }
  bool known_nonzero() const { return !contains(0); }
  bool known_zero() const { return low == 0 && high == 0; }

  /// Keeps what both allow. False when nothing is left.
  bool intersect(const ValueRange& o) {
    low = std::max(low, o.low);
    high = std::min(high, o.high);
    if (o.has_hole && !has_hole) {
      has_hole = true;
      hole = o.hole;
    }
    return tidy();
  }
  bool exclude(i64 v) {
    if (!contains(v)) return low <= high;
    if (v == low || v == high || !has_hole || v == 0) {
      has_hole = true;
      hole = v;
    }
    return tidy();
  }
  /// Keeps what either allows.
  void join(const ValueRange& o) {
    bool keep = has_hole && !o.contains(hole);
    bool theirs = o.has_hole && !contains(o.hole);
    bool gap = !keep && !theirs && !contains(0) && !o.contains(0);
    low = std::min(low, o.low);
    high = std::max(high, o.high);
    if (gap) {
      has_hole = true;
      hole = 0;
    } else if (theirs) {
      has_hole = true;
      hole = o.hole;
    } else {
      has_hole = keep;
    }
    tidy();
  }
  friend auto operator<=>(const ValueRange&, const ValueRange&) = default;

 private:
  bool tidy() {
    if (has_hole) {
      if (hole == low && low < kMax) ++low;
      if (hole == high && high > kMin) --high;
      if (hole <= low - (low > kMin ? 1 : 0) || hole >= high + (high < kMax ? 1 : 0)) {
        has_hole = false;
        hole = 0;
      }
    }
    return low <= high;
  }
};

}  // namespace quire::metal
