#include "jffs2/codec/summary.h"

#include <array>
#include <cassert>

#include "base/byte_order.h"
#include "jffs2/codec/crc.h"

namespace quire::jffs2 {
namespace {

constexpr u32 kSummaryMagic = 0x02851885;
constexpr u32 kInodeEntry = 18;
constexpr u32 kDirentEntry = 24;  // without the name
constexpr u32 kXattrEntry = 18;
constexpr u32 kXrefEntry = 6;

/// Fixed bytes of an entry, 0 for an unknown type.
u32 fixed_size(NodeType type) {
  switch (type) {
    case NodeType::inode:
      return kInodeEntry;
    case NodeType::dirent:
      return kDirentEntry;
    case NodeType::xattr:
      return kXattrEntry;
    case NodeType::xref:
      return kXrefEntry;
    default:
      return 0;
  }
}

/// Reads one entry at `p`, which holds the fixed bytes; the name is left to the caller.
SummaryEntry decode_entry(const u8* p, NodeType type, ByteOrder order, u32& name_length) {
  auto u32_at = [&](u32 at) { return load<u32>(p + at, order); };
  SummaryEntry e;
  e.type = type;
  name_length = 0;
  switch (type) {
    case NodeType::inode:
      e.ino = Ino(u32_at(2));
      e.version = Version(u32_at(6));
      e.offset = u32_at(10);
      e.totlen = u32_at(14);
      break;
    case NodeType::dirent:
      e.totlen = u32_at(2);
      e.offset = u32_at(6);
      e.pino = Ino(u32_at(10));
      e.version = Version(u32_at(14));
      e.ino = Ino(u32_at(18));
      name_length = p[22];
      e.file_type = static_cast<FileType>(p[23]);
      break;
    case NodeType::xattr:
      e.xid = Xid(u32_at(2));
      e.version = Version(u32_at(6));
      e.offset = u32_at(10);
      e.totlen = u32_at(14);
      break;
    default:  // xref
      e.offset = u32_at(2);
      break;
  }
  return e;
}

/// The least a node of this kind can measure; also the length taken for an xref.
u32 least_size(const SummaryEntry& e) {
  switch (e.type) {
    case NodeType::inode:
      return kInodeSize;
    case NodeType::dirent:
      return kDirentSize + static_cast<u32>(e.name.size());
    case NodeType::xattr:
      return kXattrSize;
    default:
      return kXrefSize;
  }
}

}  // namespace

u32 summary_entry_size(NodeType type, u32 name_length) {
  return fixed_size(type) + (type == NodeType::dirent ? name_length : 0);
}

std::optional<u32> summary_offset(std::span<const u8> last8, u32 block_size, ByteOrder order) {
  if (last8.size() < kSummaryMarkerSize || load<u32>(last8.data() + 4, order) != kSummaryMagic)
    return std::nullopt;
  u32 offset = load<u32>(last8.data(), order);
  if (block_size < kSummarySize + kSummaryMarkerSize ||
      offset > block_size - kSummarySize - kSummaryMarkerSize || offset % 4 != 0)
    return std::nullopt;
  return offset;
}

bool decode_summary(std::span<const u8> block, ByteOrder order, Summary& out) {
  if (block.size() < kSummaryMarkerSize) return false;
  u32 block_size = static_cast<u32>(block.size());
  auto offset = summary_offset(block.last(kSummaryMarkerSize), block_size, order);
  if (!offset) return false;
  auto node = block.subspan(*offset);
  auto header = decode_header(node, order);
  if (!header || header->obsolete || header->type != static_cast<u16>(NodeType::summary) ||
      header->totlen != node.size())
    return false;
  u32 count = load<u32>(node.data() + 12, order);
  u32 cleanmarker = load<u32>(node.data() + 16, order);
  if (load<u32>(node.data() + 28, order) != crc32(node.first(24)) ||
      load<u32>(node.data() + 24, order) != crc32(node.subspan(kSummarySize)) || cleanmarker > *offset)
    return false;

  out.cleanmarker = cleanmarker;
  out.node_offset = *offset;
  out.entries.clear();
  auto rest = node.subspan(kSummarySize, node.size() - kSummarySize - kSummaryMarkerSize);
  if (count > rest.size() / kXrefEntry) return false;
  out.entries.reserve(count);
  u32 end_of_previous = 0;
  for (u32 i = 0; i < count; i++) {
    if (rest.size() < 2) return false;
    auto type = static_cast<NodeType>(load<u16>(rest.data(), order));
    u32 fixed = fixed_size(type);
    // An entry of unknown kind has unknown length: the block must be read itself.
    if (fixed == 0 || rest.size() < fixed) return false;
    u32 name_length;
    SummaryEntry e = decode_entry(rest.data(), type, order, name_length);
    if (rest.size() < fixed + name_length) return false;
    e.name = {reinterpret_cast<const char*>(rest.data()) + fixed, name_length};
    u32 least = least_size(e);
    u32 length = type == NodeType::xref ? kXrefSize : e.totlen;
    if (length < least || (type == NodeType::dirent && length != least) || e.offset % 4 != 0 ||
        e.offset < end_of_previous || e.offset > *offset || length > *offset - e.offset)
      return false;
    end_of_previous = e.offset + length;
    out.entries.push_back(e);
    rest = rest.subspan(fixed + name_length);
  }
  return true;
}

std::optional<Summary> decode_summary(std::span<const u8> block, ByteOrder order) {
  Summary out;
  if (!decode_summary(block, order, out)) return std::nullopt;
  return out;
}

std::optional<SummaryEntry> entry_of_node(std::span<const u8> node, ByteOrder order) {
  auto header = decode_header(node, order);
  if (!header) return std::nullopt;
  SummaryEntry e{.type = static_cast<NodeType>(header->type), .totlen = header->totlen};
  switch (e.type) {
    case NodeType::inode: {
      auto n = decode_inode(node, order);
      if (!n) return std::nullopt;
      e.ino = n->ino;
      e.version = n->version;
      return e;
    }
    case NodeType::dirent: {
      auto n = decode_dirent(node, order);
      if (!n) return std::nullopt;
      e.ino = n->ino;
      e.pino = n->pino;
      e.version = n->version;
      e.file_type = n->type;
      e.name = n->name;
      return e;
    }
    case NodeType::xattr: {
      auto n = decode_xattr(node, order);
      if (!n) return std::nullopt;
      e.xid = n->xid;
      e.version = n->version;
      return e;
    }
    case NodeType::xref: {
      if (!decode_xref(node, order)) return std::nullopt;
      e.totlen = 0;
      return e;
    }
    default:
      return std::nullopt;
  }
}

void SummaryBuilder::add(const SummaryEntry& e) {
  std::size_t at = bytes_.size();
  bytes_.resize(at + fixed_size(e.type));
  u8* p = bytes_.data() + at;
  auto put = [&](u32 where, u32 v) { store(p + where, v, order_); };
  store(p, static_cast<u16>(e.type), order_);
  switch (e.type) {
    case NodeType::inode:
      put(2, e.ino.value());
      put(6, e.version.value());
      put(10, e.offset);
      put(14, e.totlen);
      break;
    case NodeType::dirent:
      put(2, e.totlen);
      put(6, e.offset);
      put(10, e.pino.value());
      put(14, e.version.value());
      put(18, e.ino.value());
      p[22] = static_cast<u8>(e.name.size());
      p[23] = static_cast<u8>(e.file_type);
      bytes_.insert(bytes_.end(), e.name.begin(), e.name.end());
      break;
    case NodeType::xattr:
      put(2, e.xid.value());
      put(6, e.version.value());
      put(10, e.offset);
      put(14, e.totlen);
      break;
    case NodeType::xref:
      put(2, e.offset);
      break;
    default:
      return;  // other kinds are not listed
  }
  count_++;
}

void SummaryBuilder::clear() {
  count_ = 0;
  bytes_.clear();
}

std::vector<u8> SummaryBuilder::finish(u32 node_offset, u32 room, u32 cleanmarker) const {
  assert(room >= size());
  std::vector<u8> out;
  out.reserve(room);
  encode_header(out, NodeType::summary, room, order_);
  out.resize(kSummarySize);
  u8* p = out.data();
  store(p + 12, count_, order_);
  store(p + 16, cleanmarker, order_);
  store(p + 20, room - size(), order_);
  store(p + 28, crc32(std::span(out).first(24)), order_);
  out.insert(out.end(), bytes_.begin(), bytes_.end());
  out.resize(room - kSummaryMarkerSize, 0xFF);
  std::array<u8, kSummaryMarkerSize> marker;
  store(marker.data(), node_offset, order_);
  store(marker.data() + 4, kSummaryMagic, order_);
  out.insert(out.end(), marker.begin(), marker.end());
  store(out.data() + 24, crc32(std::span(out).subspan(kSummarySize)), order_);
  return out;
}

}  // namespace quire::jffs2
