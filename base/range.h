// Half-open ranges [begin, end) of strong or plain integers.
#pragma once

#include <algorithm>

#include "base/types.h"

namespace quire {

template <typename T>
struct Range {
  T begin{};
  T end{};

  constexpr bool empty() const { return !(begin < end); }
  constexpr auto size() const { return end - begin; }
  constexpr bool contains(T v) const { return begin <= v && v < end; }
  constexpr bool contains(const Range& o) const { return begin <= o.begin && o.end <= end; }
  constexpr bool overlaps(const Range& o) const { return begin < o.end && o.begin < end; }
  constexpr Range intersect(const Range& o) const {
    Range r{std::max(begin, o.begin), std::min(end, o.end)};
    if (r.empty()) r.end = r.begin;
    return r;
  }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

constexpr u64 round_down(u64 v, u64 power_of_two) { return v & ~(power_of_two - 1); }
constexpr u64 round_up(u64 v, u64 power_of_two) { return (v + power_of_two - 1) & ~(power_of_two - 1); }
constexpr bool is_aligned(u64 v, u64 power_of_two) { return (v & (power_of_two - 1)) == 0; }

}  // namespace quire
