#include "jffs2/tool/node_list.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <utility>

#include "base/byte_order.h"
#include "jffs2/codec/crc.h"
#include "jffs2/threads.h"

namespace quire::jffs2 {

namespace {

// The next place at or after `at` where a magic number of either byte order may start.
std::size_t next_magic(std::span<const u8> bytes, std::size_t at) {
  const std::size_t last = bytes.size() < 2 ? 0 : bytes.size() - 1;
  while (at < last) {
    // Erased flash is long runs of 0xFF: step over them eight bytes at a time.
    while (at + 8 <= last) {
      u64 word = 0;
      std::memcpy(&word, bytes.data() + at, 8);
      if (word != ~u64{0}) break;
      at += 8;
    }
    if (at >= last) break;
    u8 a = bytes[at], b = bytes[at + 1];
    if ((a == 0x85 && b == 0x19) || (a == 0x19 && b == 0x85)) return at;
    at++;
  }
  return bytes.size();
}

Health health_of(std::span<const u8> node, const NodeHeader& header, ByteOrder order) {
  if (node.size() < header.totlen) return Health::cut_short;
  if (header.obsolete) return Health::obsolete;
  bool sound = true;
  switch (static_cast<NodeType>(header.type)) {
    case NodeType::inode:
      sound = decode_inode(node, order).has_value();
      break;
    case NodeType::dirent:
      sound = decode_dirent(node, order).has_value();
      break;
    case NodeType::xattr:
      sound = decode_xattr(node, order).has_value();
      break;
    case NodeType::xref:
      sound = decode_xref(node, order).has_value();
      break;
    case NodeType::cleanmarker:
    case NodeType::padding:
    case NodeType::summary:
      break;
    default:
      return Health::unknown;
  }
  return sound ? Health::good : Health::bad_crc;
}

void check_one(std::span<const u8> bytes, FoundNode& node) {
  if (node.health != Health::good || node.type != static_cast<u16>(NodeType::inode)) return;
  std::span<const u8> raw = bytes_of(bytes, node);
  auto inode = decode_inode(raw, node.order);
  if (inode && crc32(raw.subspan(kInodeSize, inode->csize)) != inode->data_crc)
    node.health = Health::bad_data;
}

}  // namespace

std::string_view health_name(Health health) {
  switch (health) {
    case Health::good:
      return "good";
    case Health::obsolete:
      return "obsolete";
    case Health::bad_crc:
      return "bad crc";
    case Health::bad_data:
      return "bad data crc";
    case Health::cut_short:
      return "cut short";
    case Health::unknown:
      return "unknown type";
  }
  return "?";
}

std::span<const u8> bytes_of(std::span<const u8> bytes, const FoundNode& node) {
  std::size_t left = bytes.size() - node.offset;
  return bytes.subspan(node.offset, std::min<std::size_t>(left, node.totlen));
}

std::vector<FoundNode> find_nodes(std::span<const u8> bytes, const std::function<void(u64)>& advance) {
  constexpr std::size_t kTold = 1 << 20;
  std::vector<FoundNode> nodes;
  std::size_t at = 0, told = 0;
  while ((at = next_magic(bytes, at)) < bytes.size()) {
    if (advance && at - told >= kTold) advance(at - std::exchange(told, at));
    ByteOrder order = bytes[at] == 0x85 ? ByteOrder::little : ByteOrder::big;
    std::span<const u8> rest = bytes.subspan(at);
    auto header = decode_header(rest, order);
    if (!header || header->totlen < kHeaderSize) {
      at++;
      continue;
    }
    FoundNode node{
        .offset = at, .type = header->type, .health = Health::good, .order = order, .totlen = header->totlen};
    node.health = health_of(rest.first(std::min<std::size_t>(rest.size(), header->totlen)), *header, order);
    nodes.push_back(node);
    // The header has a CRC of its own, so the length holds even where the rest is damaged. Where it
    // reaches past the end there may be sound nodes behind the header all the same.
    at = node.health == Health::cut_short ? at + kHeaderSize
                                          : static_cast<std::size_t>(std::min<u64>(node.end(), bytes.size()));
  }
  return nodes;
}

void check_data(std::span<const u8> bytes, std::span<FoundNode> nodes) {
  constexpr std::size_t share = 256;
  std::atomic<std::size_t> next{0};
  auto work = [&] {
    for (std::size_t from = next.fetch_add(share); from < nodes.size(); from = next.fetch_add(share))
      for (std::size_t i = from; i < std::min(from + share, nodes.size()); i++) check_one(bytes, nodes[i]);
  };
  std::size_t wanted = std::min<std::size_t>(std::thread::hardware_concurrency(), nodes.size() / share);
  Helpers others(static_cast<unsigned>(std::max<std::size_t>(wanted, 1) - 1), work);
  work();
}

}  // namespace quire::jffs2
