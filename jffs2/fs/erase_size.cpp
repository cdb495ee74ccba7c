#include "jffs2/fs/erase_size.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/byte_order.h"
#include "jffs2/codec/summary.h"

namespace quire::jffs2 {
namespace {

constexpr u32 kLeast = 4096;
constexpr u32 kMost = 16 << 20;

bool starts_block(std::span<const u8> bytes, ByteOrder order) {
  auto h = decode_header(bytes, order);
  return h && h->type == static_cast<u16>(NodeType::cleanmarker);
}

}  // namespace

std::optional<u32> erase_size_from_edges(std::vector<u64> edges) {
  std::ranges::sort(edges);
  std::map<u64, u64> distances;
  for (std::size_t i = 1; i < edges.size(); i++)
    if (edges[i] != edges[i - 1]) distances[edges[i] - edges[i - 1]]++;
  std::optional<u32> size;
  u64 most = 0;
  for (auto [distance, count] : distances) {
    if (count <= most || distance < kLeast || distance > kMost || distance % 4 != 0) continue;
    most = count;
    size = static_cast<u32>(distance);
  }
  return size;
}

std::optional<u32> detect_erase_size(FlashDevice& device) {
  std::vector<u64> edges;
  std::array<u8, kSummaryMarkerSize + kHeaderSize> around;
  for (u64 at = 0; at + kHeaderSize <= device.geometry().size(); at += kLeast) {
    // The end of one block and the start of the next; there is nothing in front of the first.
    u32 before = at == 0 ? 0 : kSummaryMarkerSize;
    auto bytes = std::span(around).first(before + kHeaderSize);
    if (!device.read(at - before, bytes)) continue;
    for (ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      bool end = before != 0 && summary_offset(bytes.first(before), kMost, order).has_value();
      if (end || starts_block(bytes.subspan(before), order)) edges.push_back(at);
    }
  }
  return erase_size_from_edges(std::move(edges));
}

}  // namespace quire::jffs2
