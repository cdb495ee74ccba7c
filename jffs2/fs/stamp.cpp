#include "jffs2/fs/stamp.h"

#include "base/byte_order.h"
#include "jffs2/codec/crc.h"
#include "jffs2/codec/node.h"

namespace quire::jffs2 {
namespace {
constexpr u32 kStampMagic = 0x51756972;  // "Quir"
}

std::vector<u8> encode_stamp(u32 sequence, ByteOrder order) {
  std::vector<u8> out;
  encode_padding(out, kStampSize, order);
  store(out.data() + 12, kStampMagic, order);
  store(out.data() + 16, sequence, order);
  store(out.data() + 20, crc32(std::span(out).subspan(12, 8)), order);
  return out;
}

std::optional<u32> decode_stamp(std::span<const u8> bytes, ByteOrder order) {
  if (bytes.size() < kStampSize) return std::nullopt;
  auto h = decode_header(bytes, order);
  if (!h || h->obsolete || h->type != static_cast<u16>(NodeType::padding) || h->totlen != kStampSize ||
      load<u32>(bytes.data() + 12, order) != kStampMagic ||
      load<u32>(bytes.data() + 20, order) != crc32(bytes.subspan(12, 8)))
    return std::nullopt;
  return load<u32>(bytes.data() + 16, order);
}

}  // namespace quire::jffs2
