#include "tests/jffs2/fuzz/reseal.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/byte_order.h"
#include "jffs2/codec/crc.h"
#include "jffs2/codec/node.h"

namespace quire::jffs2::fuzz {

namespace {

struct Place {
  std::size_t offset;
  ByteOrder order;
};

std::vector<Place> places(std::span<const u8> bytes) {
  std::vector<Place> found;
  for (std::size_t at = 0; at + kHeaderSize <= bytes.size();) {
    bool little = bytes[at] == 0x85 && bytes[at + 1] == 0x19,
         big = bytes[at] == 0x19 && bytes[at + 1] == 0x85;
    if (!little && !big) {
      at++;
      continue;
    }
    ByteOrder order = little ? ByteOrder::little : ByteOrder::big;
    found.push_back({at, order});
    u64 length = pad4(load<u32>(bytes.data() + at + 4, order));
    at += length >= kHeaderSize && at + length <= bytes.size() ? length : kHeaderSize;
  }
  return found;
}

// Stores the CRC of [from, to) of the node at `at`; what reaches past the end is left alone.
void seal(std::span<u8> node, std::size_t from, std::size_t to, std::size_t at, ByteOrder order) {
  if (to <= node.size() && at + 4 <= node.size() && from <= to)
    store<u32>(node.data() + at, crc32(node.subspan(from, to - from)), order);
}

}  // namespace

void reseal(std::span<u8> bytes) {
  for (Place p : places(bytes)) {
    std::span<u8> node = bytes.subspan(p.offset);
    u16 type = load<u16>(node.data() + 2, p.order);
    store<u16>(node.data() + 2, static_cast<u16>(type | kAccurateBit), p.order);
    seal(node, 0, 8, 8, p.order);
    store<u16>(node.data() + 2, type, p.order);
    switch (static_cast<NodeType>(type | kAccurateBit)) {
      case NodeType::inode:
        if (node.size() < kInodeSize) break;
        seal(node, kInodeSize, kInodeSize + u64{load<u32>(node.data() + 48, p.order)}, 60, p.order);
        seal(node, 0, 60, 64, p.order);
        break;
      case NodeType::dirent:
        if (node.size() < kDirentSize) break;
        seal(node, kDirentSize, kDirentSize + std::size_t{node[28]}, 36, p.order);
        seal(node, 0, 32, 32, p.order);
        break;
      case NodeType::xattr:
        if (node.size() < kXattrSize) break;
        seal(node, kXattrSize, kXattrSize + std::size_t{node[21]} + 1 + load<u16>(node.data() + 22, p.order),
             24, p.order);
        seal(node, 0, 28, 28, p.order);
        break;
      case NodeType::xref:
        seal(node, 0, 24, 24, p.order);
        break;
      case NodeType::summary:
        if (u64 length = load<u32>(node.data() + 4, p.order); length <= node.size() && length >= 32)
          seal(node, 32, length, 24, p.order);
        seal(node, 0, 24, 28, p.order);
        break;
      default:
        break;
    }
  }
}

void mutate_nodes(std::span<u8> bytes, u64 random) {
  auto next = [&random](u64 below) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return below == 0 ? 0 : (random >> 33) % below;
  };
  std::vector<Place> found = places(bytes);
  if (found.empty()) return;
  const u64 changes = 1 + next(4);
  for (u64 i = 0; i < changes; i++) {
    Place p = found[next(found.size())];
    std::span<u8> node = bytes.subspan(p.offset);
    constexpr std::array<u32, 10> values{0, 1, 2, 3, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF};
    switch (next(5)) {
      case 0:  // a field takes a telling value
        if (std::size_t at = 12 + 4 * next(14); at + 4 <= node.size())
          store<u32>(node.data() + at, values[next(values.size())], p.order);
        break;
      case 1:  // a field takes another node's value
        if (std::size_t at = 12 + 4 * next(14); at + 4 <= node.size()) {
          Place q = found[next(found.size())];
          if (q.offset + at + 4 <= bytes.size())
            std::memmove(node.data() + at, bytes.data() + q.offset + at, 4);
        }
        break;
      case 2:  // any byte
        bytes[next(bytes.size())] = static_cast<u8>(next(256));
        break;
      case 3: {  // a node over another
        Place q = found[next(found.size())];
        u64 length = std::min<u64>(load<u32>(bytes.data() + q.offset + 4, q.order), 4096);
        length = std::min<u64>({length, bytes.size() - q.offset, node.size()});
        std::memmove(node.data(), bytes.data() + q.offset, length);
        break;
      }
      default:  // a piece erased
        std::memset(node.data(), 0xFF, std::min<u64>(node.size(), next(200)));
        break;
    }
  }
}

}  // namespace quire::jffs2::fuzz
