// What a host address space shows: guest ranges -> frames, merged as the host merges its mappings.
// The native space keeps one as the record of what its stub holds; the fake space's is the TLB itself.
#pragma once

#include <map>

#include "kernel/abi/types.h"

namespace quire::platform {

/// One mapping: pages from `range.begin` on show the frames from `first` on.
struct Mapping {
  GuestRange range;
  FrameNumber first{};
  Access access = Access::none;
  bool is_private = false;

  FrameNumber frame_at(GuestAddr page) const { return first + ((page - range.begin) >> page_shift); }
};

/// Not locked: the owner does that.
class MappingTable {
 public:
  /// Replaces what was in the range.
  void set(const Mapping& m);
  /// True if anything was there.
  bool erase(GuestRange range);
  /// True if a mapping present in the range changed its access. Sets *narrowed when one lost a right.
  bool protect(GuestRange range, Access access, bool* narrowed = nullptr);
  /// The mapping that holds the address, or null.
  const Mapping* find(GuestAddr a) const;
  /// Calls visit(Mapping clipped to the range) in address order.
  template <typename Visit>
  void for_each(GuestRange range, Visit visit) const {
    for (auto it = lower(range.begin); it != map_.end() && it->second.range.begin < range.end; ++it) {
      if (it->second.range.end <= range.begin) continue;
      Mapping m = it->second;
      GuestRange r = m.range.intersect(range);
      m.first = m.frame_at(r.begin);
      m.range = r;
      visit(m);
    }
  }
  std::size_t size() const { return map_.size(); }
  void clear() { map_.clear(); }

 private:
  using Map = std::map<u64, Mapping>;
  Map::const_iterator lower(GuestAddr a) const;
  /// Makes `a` a border between mappings.
  void split(GuestAddr a);
  void merge_around(GuestRange range);

  Map map_;
};

}  // namespace quire::platform
