#include "jffs2/codec/node.h"

#include <sys/stat.h>

#include <array>
#include <cassert>
#include <cstring>

#include "base/byte_order.h"
#include "jffs2/codec/crc.h"

namespace quire::jffs2 {
namespace {

/// Reads fields one after the other.
class Reader {
 public:
  Reader(std::span<const u8> bytes, ByteOrder order) : p_(bytes.data()), order_(order) {}
  template <typename T>
  T get() {
    T v = load<T>(p_, order_);
    p_ += sizeof v;
    return v;
  }
  void skip(u32 n) { p_ += n; }

 private:
  const u8* p_;
  ByteOrder order_;
};

/// Writes fields one after the other at the end of a vector.
class Writer {
 public:
  Writer(std::vector<u8>& out, ByteOrder order) : out_(out), start_(out.size()), order_(order) {}
  template <typename T>
  void put(T v) {
    std::array<u8, sizeof(T)> b;
    store(b.data(), v, order_);
    out_.insert(out_.end(), b.begin(), b.end());
  }
  void bytes(std::span<const u8> b) { out_.insert(out_.end(), b.begin(), b.end()); }
  /// CRC of what was written from the node's start, up to `length`.
  u32 crc(u32 length) const { return crc32(std::span(out_).subspan(start_, length)); }
  void header(NodeType type, u32 totlen) {
    put(kMagic);
    put(static_cast<u16>(type));
    put(totlen);
    put(crc(8));
  }

 private:
  std::vector<u8>& out_;
  std::size_t start_;
  ByteOrder order_;
};

std::span<const u8> as_bytes(std::string_view s) { return {reinterpret_cast<const u8*>(s.data()), s.size()}; }

/// The header, if it is of `type` and not obsolete, and the fixed part is there.
std::optional<NodeHeader> header_of(std::span<const u8> bytes, ByteOrder order, NodeType type, u32 fixed) {
  auto h = decode_header(bytes, order);
  if (!h || h->obsolete || h->type != static_cast<u16>(type) || h->totlen < fixed || bytes.size() < fixed)
    return std::nullopt;
  return h;
}

}  // namespace

FileType file_type_of_mode(u32 mode) { return static_cast<FileType>((mode & S_IFMT) >> 12); }

std::optional<NodeHeader> decode_header(std::span<const u8> bytes, ByteOrder order) {
  if (bytes.size() < kHeaderSize || load<u16>(bytes.data(), order) != kMagic) return std::nullopt;
  u16 type = load<u16>(bytes.data() + 2, order);
  NodeHeader h;
  h.obsolete = (type & kAccurateBit) == 0;
  h.type = type | kAccurateBit;
  h.totlen = load<u32>(bytes.data() + 4, order);
  // Obsoleting clears the bit without a new CRC, so the CRC is that of the bit set.
  std::array<u8, 8> first;
  std::memcpy(first.data(), bytes.data(), first.size());
  store(first.data() + 2, h.type, order);
  if (crc32(first) != load<u32>(bytes.data() + 8, order)) return std::nullopt;
  return h;
}

std::optional<DirentNode> decode_dirent(std::span<const u8> bytes, ByteOrder order) {
  auto h = header_of(bytes, order, NodeType::dirent, kDirentSize);
  if (!h || h->totlen > bytes.size()) return std::nullopt;
  Reader r(bytes.subspan(kHeaderSize), order);
  DirentNode n;
  n.pino = Ino(r.get<u32>());
  n.version = Version(r.get<u32>());
  n.ino = Ino(r.get<u32>());
  n.mctime = r.get<u32>();
  u8 nsize = r.get<u8>();
  n.type = static_cast<FileType>(r.get<u8>());
  r.skip(2);
  u32 node_crc = r.get<u32>();
  u32 name_crc = r.get<u32>();
  if (node_crc != crc32(bytes.first(32)) || h->totlen != kDirentSize + nsize) return std::nullopt;
  auto name = bytes.subspan(kDirentSize, nsize);
  if (name_crc != crc32(name)) return std::nullopt;
  n.name = {reinterpret_cast<const char*>(name.data()), name.size()};
  return n;
}

std::optional<InodeNode> decode_inode(std::span<const u8> bytes, ByteOrder order) {
  auto h = header_of(bytes, order, NodeType::inode, kInodeSize);
  if (!h || load<u32>(bytes.data() + 64, order) != crc32(bytes.first(60))) return std::nullopt;
  Reader r(bytes.subspan(kHeaderSize), order);
  InodeNode n;
  n.ino = Ino(r.get<u32>());
  n.version = Version(r.get<u32>());
  n.mode = r.get<u32>();
  n.uid = r.get<u16>();
  n.gid = r.get<u16>();
  n.isize = r.get<u32>();
  n.atime = r.get<u32>();
  n.mtime = r.get<u32>();
  n.ctime = r.get<u32>();
  n.offset = r.get<u32>();
  n.csize = r.get<u32>();
  n.dsize = r.get<u32>();
  n.compression = static_cast<Compression>(r.get<u8>());
  n.user_compression = static_cast<Compression>(r.get<u8>());
  n.flags = r.get<u16>();
  n.data_crc = r.get<u32>();
  if (h->totlen - kInodeSize != n.csize) return std::nullopt;
  return n;
}

std::optional<XattrNode> decode_xattr(std::span<const u8> bytes, ByteOrder order) {
  auto h = header_of(bytes, order, NodeType::xattr, kXattrSize);
  if (!h || load<u32>(bytes.data() + 28, order) != crc32(bytes.first(28))) return std::nullopt;
  Reader r(bytes.subspan(kHeaderSize), order);
  XattrNode n;
  n.xid = Xid(r.get<u32>());
  n.version = Version(r.get<u32>());
  n.prefix = static_cast<XattrPrefix>(r.get<u8>());
  u8 name_len = r.get<u8>();
  u16 value_len = r.get<u16>();
  u32 data_crc = r.get<u32>();
  u32 data_len = u32{name_len} + 1 + value_len;
  if (h->totlen != pad4(kXattrSize + data_len) || bytes.size() < kXattrSize + data_len) return std::nullopt;
  auto data = bytes.subspan(kXattrSize, data_len);
  if (data_crc != crc32(data) || data[name_len] != 0) return std::nullopt;
  n.name = {reinterpret_cast<const char*>(data.data()), name_len};
  n.value = data.subspan(u32{name_len} + 1);
  return n;
}

std::optional<XrefNode> decode_xref(std::span<const u8> bytes, ByteOrder order) {
  auto h = header_of(bytes, order, NodeType::xref, kXrefSize);
  if (!h || h->totlen != kXrefSize || load<u32>(bytes.data() + 24, order) != crc32(bytes.first(24)))
    return std::nullopt;
  Reader r(bytes.subspan(kHeaderSize), order);
  XrefNode n;
  n.ino = Ino(r.get<u32>());
  n.xid = Xid(r.get<u32>());
  n.seqno = r.get<u32>();
  return n;
}

void encode_header(std::vector<u8>& out, NodeType type, u32 totlen, ByteOrder order) {
  Writer(out, order).header(type, totlen);
}

void encode_dirent(std::vector<u8>& out, const DirentNode& n, ByteOrder order) {
  assert(n.name.size() <= 255);
  Writer w(out, order);
  w.header(NodeType::dirent, n.size());
  w.put(n.pino.value());
  w.put(n.version.value());
  w.put(n.ino.value());
  w.put(n.mctime);
  w.put(static_cast<u8>(n.name.size()));
  w.put(static_cast<u8>(n.type));
  w.put(u16{0});
  w.put(w.crc(32));
  w.put(crc32(as_bytes(n.name)));
  w.bytes(as_bytes(n.name));
}

void encode_inode(std::vector<u8>& out, const InodeNode& n, std::span<const u8> data, ByteOrder order) {
  Writer w(out, order);
  w.header(NodeType::inode, kInodeSize + static_cast<u32>(data.size()));
  w.put(n.ino.value());
  w.put(n.version.value());
  w.put(n.mode);
  w.put(n.uid);
  w.put(n.gid);
  w.put(n.isize);
  w.put(n.atime);
  w.put(n.mtime);
  w.put(n.ctime);
  w.put(n.offset);
  w.put(static_cast<u32>(data.size()));
  w.put(n.dsize);
  w.put(static_cast<u8>(n.compression));
  w.put(static_cast<u8>(n.user_compression));
  w.put(n.flags);
  u32 node_crc = w.crc(60);
  w.put(crc32(data));
  w.put(node_crc);
  w.bytes(data);
}

void encode_xattr(std::vector<u8>& out, const XattrNode& n, ByteOrder order) {
  assert(n.name.size() <= 255 && n.value.size() <= 65535);
  std::vector<u8> data(as_bytes(n.name).begin(), as_bytes(n.name).end());
  data.push_back(0);
  data.insert(data.end(), n.value.begin(), n.value.end());
  Writer w(out, order);
  w.header(NodeType::xattr, pad4(n.size()));
  w.put(n.xid.value());
  w.put(n.version.value());
  w.put(static_cast<u8>(n.prefix));
  w.put(static_cast<u8>(n.name.size()));
  w.put(static_cast<u16>(n.value.size()));
  u32 node_crc_at = 28;
  w.put(crc32(data));
  w.put(w.crc(node_crc_at));
  data.resize(pad4(n.size()) - kXattrSize, 0xFF);
  w.bytes(data);
}

void encode_xref(std::vector<u8>& out, const XrefNode& n, ByteOrder order) {
  Writer w(out, order);
  w.header(NodeType::xref, kXrefSize);
  w.put(n.ino.value());
  w.put(n.xid.value());
  w.put(n.seqno);
  w.put(w.crc(24));
}

void encode_cleanmarker(std::vector<u8>& out, ByteOrder order, u32 totlen) {
  assert(totlen >= kCleanmarkerSize);
  std::size_t start = out.size();
  Writer(out, order).header(NodeType::cleanmarker, totlen);
  out.resize(start + totlen, 0);
}

void encode_padding(std::vector<u8>& out, u32 len, ByteOrder order) {
  std::size_t start = out.size();
  if (len >= kHeaderSize) Writer(out, order).header(NodeType::padding, len);
  out.resize(start + len, 0);
}

void pad_to_4(std::vector<u8>& out) { out.resize((out.size() + 3) & ~std::size_t{3}, 0xFF); }

std::vector<u8> encode_oob_cleanmarker(ByteOrder order) {
  std::vector<u8> out(8);
  store(out.data(), kMagic, order);
  store(out.data() + 2, static_cast<u16>(NodeType::cleanmarker), order);
  store(out.data() + 4, u32{8}, order);
  return out;
}

bool is_oob_cleanmarker(std::span<const u8> free_oob, ByteOrder order) {
  auto want = encode_oob_cleanmarker(order);
  return free_oob.size() >= want.size() && std::memcmp(free_oob.data(), want.data(), want.size()) == 0;
}

}  // namespace quire::jffs2
