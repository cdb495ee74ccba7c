#include "jffs2/codec/crc.h"

#include <libdeflate.h>

namespace quire::jffs2 {

u32 crc32(std::span<const u8> data, u32 seed) {
  // libdeflate inverts the register before and after, and takes a null pointer as a request for its
  // initial value; undoing both leaves the plain CRC.
  if (data.empty()) return seed;
  return ~libdeflate_crc32(~seed, data.data(), data.size());
}

}  // namespace quire::jffs2
