// Where a stretch of data in the memory file ends.
#pragma once

#include "kernel/platform/memory.h"

namespace quire::platform {

/// The frame has data, and the host has it in memory. Cheaper than next_data, and threads that ask do not
/// wait for each other as those that move the offset of one descriptor do.
bool in_memory(const Memory& memory, FrameNumber frame);

/// The next frame in [from, limit) that is a hole, or limit. SEEK_HOLE would walk all the data that
/// follows, a gigabyte if so much was filled, to tell where a run of 16 pages ends: this looks at what
/// was asked for only (mincore), and asks the file (next_data) where a page is not in memory.
FrameNumber end_of_data(const Memory& memory, FrameNumber from, FrameNumber limit);

}  // namespace quire::platform
