// Reading a chip's blocks: by their summaries where they are sound, else node by node. Blocks are
// independent, so several threads share the work; the result does not depend on how many. What was read
// of a block is taken over before the next is needed, so little memory is in use at any time.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "jffs2/codec/node.h"
#include "jffs2/fs/ref.h"

namespace quire::jffs2 {

/// A node that the index will refer to.
struct ScannedNode {
  u32 offset = 0;  ///< in the block
  u32 length = 0;
  RefKind kind = RefKind::inode;
  FileType file_type = FileType::unknown;  ///< dirent
  u8 name_length = 0;                      ///< dirent
  u32 name_at = 0;                         ///< dirent: in BlockScan::names
  Ino ino{};                               ///< inode, dirent (target), xref
  Ino pino{};                              ///< dirent
  Version version{};                       ///< inode, dirent, xattr; xref: its seqno
  Xid xid{};                               ///< xattr, xref
};

struct BlockScan {
  enum class Kind : u8 {
    erased,    ///< all ones behind a sound cleanmarker
    unmarked,  ///< all ones without a cleanmarker, or NAND that begins with ones: an erase was cut
    content,
    bad,
  };
  Kind kind = Kind::content;
  std::vector<ScannedNode> nodes;
  std::vector<char> names;
  u32 sequence = 0;        ///< of its stamp; 0: none
  u32 wasted = 0;          ///< bytes of cleanmarker, padding, summary
  u32 damaged = 0;         ///< nodes with bad CRCs, runs of bytes that are no node
  u32 unknown = 0;         ///< nodes of unknown type
  bool summary = false;    ///< taken from its summary
  bool marker = false;     ///< starts with a cleanmarker
  bool front = false;      ///< begins as a block does that was not erased in part
  bool read_only = false;  ///< holds a node that allows reading only
  bool incompatible = false;
  bool end_of_image = false;  ///< starts with OpenWrt's end marker: nothing from here on counts

  std::string_view name(const ScannedNode& n) const { return {names.data() + n.name_at, n.name_length}; }
  /// For the next block; the vectors keep their memory.
  void clear();
};

struct ScanOptions {
  ByteOrder order = std::endian::little;
  unsigned threads = 1;
  bool ignore_summaries = false;
};

/// Scans all blocks and hands them to `take` in their order, on the calling thread; a BlockScan is lent
/// until `take` returns. An error of `take` ends the scan and is returned.
Result<> scan_blocks(FlashDevice& device, const ScanOptions& options,
                     const std::function<Result<>(BlockIndex, BlockScan&)>& take);

/// The byte order that most of the sampled blocks' first nodes have; nullopt: no node found.
std::optional<ByteOrder> detect_order(FlashDevice& device);

}  // namespace quire::jffs2
