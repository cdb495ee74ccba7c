#include "jffs2/codec/crc.h"

#include <zlib.h>

namespace quire::jffs2 {

u32 crc32(std::span<const u8> data, u32 seed) {
  if (data.empty()) return seed;  // zlib takes a null pointer as a request for its initial value
  // zlib inverts the register before and after; undoing both leaves the plain CRC.
  return ~static_cast<u32>(::crc32_z(~seed, data.data(), data.size()));
}

}  // namespace quire::jffs2
