// Nodes of the format, decoded into host integers, and their encoding in either byte order.
//
// Every decode function checks magic, length and the CRCs that cover what it returns (but not the
// CRC of file data, which callers check when they need the data). An encode function computes the
// CRCs. Lengths on flash are unpadded for inode and dirent nodes; the writer pads with 0xFF to 4.
// Layout: include/linux/jffs2.h of Linux, checked against images by mtd-utils 2.1.5 and Linux 6.1.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "jffs2/codec/types.h"

namespace quire::jffs2 {

inline constexpr u16 kMagic = 0x1985;

/// Node types, with the "accurate" bit set. The two top bits say what to do with unknown ones.
enum class NodeType : u16 {
  dirent = 0xE001,
  inode = 0xE002,
  cleanmarker = 0x2003,
  padding = 0x2004,
  summary = 0x2006,
  xattr = 0xE008,
  xref = 0xE009,
};
inline constexpr u16 kAccurateBit = 0x2000;

/// What a reader must do with a node type that it does not know.
enum class Compat : u16 {
  rw_delete = 0x0000,  ///< ignore; garbage collection drops it
  rw_copy = 0x4000,    ///< ignore; garbage collection copies it
  read_only = 0x8000,  ///< mount read-only
  incompatible = 0xC000,
};
constexpr Compat compat_of(u16 type) { return static_cast<Compat>(type & 0xC000); }

enum class Compression : u8 {
  none = 0,
  zero = 1,  ///< a hole: no stored bytes
  rtime = 2,
  dynrubin = 3,  ///< Linux's number for it (its names for 3 and 5 are swapped)
  copy = 4,
  rubinmips = 5,
  zlib = 6,
  lzo = 7,
  lzma = 8,  ///< OpenWrt's
};

inline constexpr u32 kHeaderSize = 12;
inline constexpr u32 kDirentSize = 40;  ///< without the name
inline constexpr u32 kInodeSize = 68;   ///< without the data
inline constexpr u32 kXattrSize = 32;   ///< without name and value
inline constexpr u32 kXrefSize = 28;
inline constexpr u32 kSummarySize = 32;  ///< without entries and marker
inline constexpr u32 kSummaryMarkerSize = 8;
inline constexpr u32 kCleanmarkerSize = 12;
/// What OpenWrt writes where the file system may start to be erased.
inline constexpr u32 kEndMarker = 0xDEADC0DE;

struct NodeHeader {
  u16 type = 0;           ///< with the accurate bit set
  u32 totlen = 0;         ///< bytes, header included, unpadded
  bool obsolete = false;  ///< the accurate bit was clear
};

/// DT_* values of a dirent.
enum class FileType : u8 { unknown = 0, fifo = 1, chr = 2, dir = 4, blk = 6, reg = 8, lnk = 10, sock = 12 };
/// The dirent type of a mode (S_IFMT bits).
FileType file_type_of_mode(u32 mode);

struct DirentNode {
  Ino pino{};
  Version version{};
  Ino ino{};  ///< kNoIno: the name is removed
  u32 mctime = 0;
  FileType type = FileType::unknown;
  std::string_view name{};  ///< points into what was decoded
  u32 size() const { return kDirentSize + static_cast<u32>(name.size()); }
};

struct InodeNode {
  Ino ino{};
  Version version{};
  u32 mode = 0;
  u16 uid = 0;
  u16 gid = 0;
  u32 isize = 0;
  u32 atime = 0;
  u32 mtime = 0;
  u32 ctime = 0;
  u32 offset = 0;  ///< of the data in the file
  u32 csize = 0;   ///< bytes stored after the node
  u32 dsize = 0;   ///< bytes of file they stand for
  Compression compression = Compression::none;
  Compression user_compression = Compression::none;
  u16 flags = 0;
  u32 data_crc = 0;
  u32 size() const { return kInodeSize + csize; }
};

/// Prefix numbers of extended attribute names.
enum class XattrPrefix : u8 { user = 1, security = 2, acl_access = 3, acl_default = 4, trusted = 5 };

struct XattrNode {
  Xid xid{};
  Version version{};
  XattrPrefix prefix = XattrPrefix::user;
  std::string_view name{};  ///< without prefix; empty for ACLs
  std::span<const u8> value{};
  u32 size() const { return kXattrSize + static_cast<u32>(name.size() + 1 + value.size()); }
};

struct XrefNode {
  Ino ino{};
  Xid xid{};
  u32 seqno = 0;  ///< odd: the attribute is removed
};

// Decoding. `bytes` starts at the node and may be longer than it. nullopt: not such a node, cut
// short, or a CRC is wrong.
std::optional<NodeHeader> decode_header(std::span<const u8> bytes, ByteOrder order);
/// Needs header and name; checks both CRCs.
std::optional<DirentNode> decode_dirent(std::span<const u8> bytes, ByteOrder order);
/// Needs the first 68 bytes only; checks the node CRC and that totlen = 68 + csize.
std::optional<InodeNode> decode_inode(std::span<const u8> bytes, ByteOrder order);
/// Needs the whole node; checks the data CRC too.
std::optional<XattrNode> decode_xattr(std::span<const u8> bytes, ByteOrder order);
std::optional<XrefNode> decode_xref(std::span<const u8> bytes, ByteOrder order);

// Encoding: appends the node, unpadded but for xattr (whose totlen is padded), to `out`.
void encode_header(std::vector<u8>& out, NodeType type, u32 totlen, ByteOrder order);
void encode_dirent(std::vector<u8>& out, const DirentNode& node, ByteOrder order);
/// Takes csize and data_crc from `data` (the stored, compressed bytes).
void encode_inode(std::vector<u8>& out, const InodeNode& node, std::span<const u8> data, ByteOrder order);
void encode_xattr(std::vector<u8>& out, const XattrNode& node, ByteOrder order);
void encode_xref(std::vector<u8>& out, const XrefNode& node, ByteOrder order);
void encode_cleanmarker(std::vector<u8>& out, ByteOrder order, u32 totlen = kCleanmarkerSize);
/// `len` bytes of padding: a padding node and zeros, or only zeros when fewer than 12.
void encode_padding(std::vector<u8>& out, u32 len, ByteOrder order);
/// Appends 0xFF up to a multiple of four.
void pad_to_4(std::vector<u8>& out);

/// The cleanmarker of NAND: the first 8 free OOB bytes.
std::vector<u8> encode_oob_cleanmarker(ByteOrder order);
bool is_oob_cleanmarker(std::span<const u8> free_oob, ByteOrder order);

}  // namespace quire::jffs2
