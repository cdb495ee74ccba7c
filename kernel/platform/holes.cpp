#include "kernel/platform/holes.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>

namespace quire::platform {

bool in_memory(const Memory& memory, FrameNumber frame) {
  unsigned char present = 0;
  return mincore(memory.at(frame), page_size, &present) == 0 && (present & 1) != 0;
}

FrameNumber end_of_data(const Memory& memory, FrameNumber from, FrameNumber limit) {
  while (from < limit) {
    const u64 n = std::min<u64>(limit - from, pages_per_huge);
    const FrameNumber hole = DataMap(memory, from, n).next_hole(from);
    from += n;
    if (hole < from) return hole;
  }
  return limit;
}

DataMap::DataMap(const Memory& memory, FrameNumber first, u64 n)
    : memory_(memory), first_(first), end_(first + n), data_from_(first) {
  assert(n <= present_.size());
  if (mincore(memory.at(first), n * page_size, present_.data()) != 0) present_.fill(0);
}

// Not in memory: a hole, or data that the host has swapped out. Of a run of holes the file is asked once.
bool DataMap::has_data(FrameNumber f) {
  if ((present_[f - first_] & 1) != 0) return true;
  if (data_from_ <= f) data_from_ = memory_.next_data(f, end_);
  return data_from_ == f;
}

FrameNumber DataMap::next_data(FrameNumber f) {
  while (f < end_ && !has_data(f)) f += 1;
  return f;
}

FrameNumber DataMap::next_hole(FrameNumber f) {
  while (f < end_ && has_data(f)) f += 1;
  return f;
}

Result<> Memory::copy_to_holes(FrameNumber from, FrameNumber to, PageCount n) const {
  if (!checked_copy(at(to), at(from), n.value() << page_shift)) return err(EFAULT);
  return {};
}

u64 Memory::stored(FrameNumber first, PageCount n) const {
  std::array<unsigned char, pages_per_huge> present;
  u64 pages = 0;
  for (u64 left = n.value(); left != 0;) {
    const u64 part = std::min<u64>(left, present.size());
    if (mincore(at(first), part * page_size, present.data()) != 0) return pages;
    for (u64 i = 0; i < part; ++i) pages += present[i] & 1;
    first += part;
    left -= part;
  }
  return pages;
}

}  // namespace quire::platform
