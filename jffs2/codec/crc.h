// The CRC of JFFS2: reflected polynomial 0xEDB88320, seed 0, no final inversion.
#pragma once

#include <span>

#include "base/types.h"

namespace quire::jffs2 {

/// CRC of `data`, continuing from `seed` (the CRC of what precedes it; 0 to start).
u32 crc32(std::span<const u8> data, u32 seed = 0);

}  // namespace quire::jffs2
