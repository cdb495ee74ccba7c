#include "kernel/platform/mapping_table.h"

#include <iterator>

namespace quire::platform {

MappingTable::Map::const_iterator MappingTable::lower(GuestAddr a) const {
  auto it = map_.upper_bound(a.value());
  if (it != map_.begin()) {
    auto before = std::prev(it);
    if (a < before->second.range.end) return before;
  }
  return it;
}

void MappingTable::split(GuestAddr a) {
  auto it = map_.upper_bound(a.value());
  if (it == map_.begin()) return;
  --it;
  Mapping& m = it->second;
  if (m.range.begin == a || m.range.end <= a) return;
  Mapping upper = m;
  upper.first = m.frame_at(a);
  upper.range.begin = a;
  m.range.end = a;
  map_.emplace(a.value(), upper);
}

bool MappingTable::erase(GuestRange range) {
  if (range.empty() || map_.empty()) return false;
  split(range.begin);
  split(range.end);
  auto from = map_.lower_bound(range.begin.value());
  auto to = map_.lower_bound(range.end.value());
  const bool any = from != to;
  map_.erase(from, to);
  return any;
}

void MappingTable::set(const Mapping& m) {
  if (m.range.empty()) return;
  erase(m.range);
  map_.emplace(m.range.begin.value(), m);
  merge_around(m.range);
}

bool MappingTable::protect(GuestRange range, Access access, bool* narrowed) {
  if (range.empty() || map_.empty()) return false;
  split(range.begin);
  split(range.end);
  bool any = false;
  for (auto it = map_.lower_bound(range.begin.value()); it != map_.end() && it->first < range.end.value();
       ++it) {
    Mapping& m = it->second;
    if (m.access == access) continue;
    if (narrowed != nullptr && !allows(access, m.access)) *narrowed = true;
    m.access = access;
    any = true;
  }
  merge_around(range);
  return any;
}

const Mapping* MappingTable::find(GuestAddr a) const {
  auto it = lower(a);
  return it != map_.end() && it->second.range.contains(a) ? &it->second : nullptr;
}

void MappingTable::merge_around(GuestRange range) {
  auto it = map_.lower_bound(range.begin.value());
  if (it != map_.begin()) --it;
  while (it != map_.end()) {
    auto next = std::next(it);
    if (next == map_.end() || range.end < next->second.range.begin) return;
    Mapping& a = it->second;
    const Mapping& b = next->second;
    if (a.range.end == b.range.begin && a.access == b.access && a.is_private == b.is_private &&
        a.frame_at(a.range.end) == b.first) {
      a.range.end = b.range.end;
      map_.erase(next);
    } else {
      it = next;
    }
  }
}

}  // namespace quire::platform
