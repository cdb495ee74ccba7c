// Splitting, changing and merging the areas of a range.
#pragma once

#include "kernel/mm/space_impl.h"

namespace quire::mm {

template <typename F>
Result<> AddressSpaceImpl::change_areas(u64 begin, u64 end, bool stop_at_hole, F&& change) {
  if (cuts_huge_page(begin, end)) return err(EINVAL);
  if (vmas_.count() + vmas_.splits_needed(begin, end) > limits_.max_maps) return err(ENOMEM);
  vmas_.split_at(begin);
  vmas_.split_at(end);
  Result<> outcome{};
  bool hole = false;
  u64 at = begin;
  for (auto it = vmas_.first_after(begin); at < end; ++it) {
    if (it == vmas_.end() || it->second.begin >= end || it->second.begin != at) {
      hole = true;
      if (stop_at_hole || it == vmas_.end() || it->second.begin >= end) break;
    }
    outcome = change(it->second);
    if (!outcome) break;
    at = it->second.end;
  }
  auto it = vmas_.first_after(begin);
  if (it != vmas_.begin()) --it;
  while (it != vmas_.end() && it->second.begin <= end) it = std::next(vmas_.merge_around(it));
  if (outcome && hole) return err(ENOMEM);
  return outcome;
}

}  // namespace quire::mm
