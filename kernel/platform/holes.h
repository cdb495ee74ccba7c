// Where a stretch of data in the memory file ends.
#pragma once

#include "kernel/platform/memory.h"

namespace quire::platform {

/// The next frame in [from, limit) that is a hole, or limit. SEEK_HOLE would walk all the data that
/// follows, a gigabyte if so much was filled, to tell where a run of 16 pages ends: this looks at what
/// was asked for only (mincore), and asks the file (next_data) where a page is not in memory.
FrameNumber end_of_data(const Memory& memory, FrameNumber from, FrameNumber limit);

}  // namespace quire::platform
