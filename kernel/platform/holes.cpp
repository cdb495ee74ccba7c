#include "kernel/platform/holes.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>

namespace quire::platform {

bool in_memory(const Memory& memory, FrameNumber frame) {
  unsigned char present = 0;
  return mincore(memory.at(frame), page_size, &present) == 0 && (present & 1) != 0;
}

FrameNumber end_of_data(const Memory& memory, FrameNumber from, FrameNumber limit) {
  std::array<unsigned char, pages_per_huge> present;
  while (from < limit) {
    const u64 n = std::min<u64>(limit - from, present.size());
    if (mincore(memory.at(from), n * page_size, present.data()) != 0) present.fill(0);
    for (u64 i = 0; i < n; ++i, ++from)
      // Not in memory: a hole, or data that the host has swapped out.
      if ((present[i] & 1) == 0 && memory.next_data(from, from + 1) != from) return from;
  }
  return limit;
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
