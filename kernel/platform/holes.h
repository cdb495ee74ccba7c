// Where a stretch of data in the memory file ends.
#pragma once

#include <array>

#include "kernel/platform/memory.h"

namespace quire::platform {

/// The frame has data, and the host has it in memory. Cheaper than next_data, and threads that ask do not
/// wait for each other as those that move the offset of one descriptor do.
bool in_memory(const Memory& memory, FrameNumber frame);

/// The next frame in [from, limit) that is a hole, or limit. SEEK_HOLE would walk all the data that
/// follows, a gigabyte if so much was filled, to tell where a run of 16 pages ends: this looks at what
/// was asked for only (mincore), and asks the file (next_data) where a page is not in memory.
FrameNumber end_of_data(const Memory& memory, FrameNumber from, FrameNumber limit);

/// Which of up to 512 neighbouring frames have data, found out by one look where all is in memory. To be
/// asked in rising order.
class DataMap {
 public:
  DataMap(const Memory& memory, FrameNumber first, u64 n);

  /// The first frame from `f` on with data, or the end.
  FrameNumber next_data(FrameNumber f);
  /// The first frame from `f` on without, or the end.
  FrameNumber next_hole(FrameNumber f);

 private:
  bool has_data(FrameNumber f);

  const Memory& memory_;
  const FrameNumber first_, end_;
  FrameNumber data_from_;  // as the file says: none between the frame last asked for and this one
  std::array<unsigned char, pages_per_huge> present_;
};

}  // namespace quire::platform
