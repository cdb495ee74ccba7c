// Summaries: the list of an erase block's nodes at its end, so that mounting need not read it all.
#pragma once

#include <optional>
#include <vector>

#include "jffs2/codec/node.h"

namespace quire::jffs2 {

/// One node as its block's summary tells it. Fields that a kind lacks are zero.
struct SummaryEntry {
  NodeType type = NodeType::inode;
  u32 offset = 0;  ///< from the start of the block
  u32 totlen = 0;  ///< 0 for xref, whose size is fixed
  Ino ino{};       ///< inode, dirent (target)
  Ino pino{};      ///< dirent
  Version version{};
  Xid xid{};                               ///< xattr
  FileType file_type = FileType::unknown;  ///< dirent
  std::string_view name{};                 ///< dirent; points into what was decoded
};

/// Bytes that an entry takes in a summary.
u32 summary_entry_size(NodeType type, u32 name_length = 0);

/// The entry for a node, read from its bytes (offset left 0; its CRCs are checked, file data's not).
/// nullopt: no sound node, or of a kind that summaries do not list. The name points into `node`.
std::optional<SummaryEntry> entry_of_node(std::span<const u8> node, ByteOrder order);

/// A decoded summary; names point into the decoded bytes.
struct Summary {
  u32 cleanmarker = 0;  ///< bytes of cleanmarker in front of the block (0: none, or in OOB)
  u32 node_offset = 0;  ///< of the summary node in the block
  std::vector<SummaryEntry> entries{};
};

/// Reads the summary at the end of `block` (a whole erase block) into `out`, whose memory is used again.
/// False: there is none that is sound (CRCs, bounds, order of offsets); the caller scans the block
/// instead.
bool decode_summary(std::span<const u8> block, ByteOrder order, Summary& out);
std::optional<Summary> decode_summary(std::span<const u8> block, ByteOrder order);

/// Offset of the summary node told by the marker in the block's last 8 bytes, if it is one.
std::optional<u32> summary_offset(std::span<const u8> last8, u32 block_size, ByteOrder order);

/// Collects the entries of a block while it is being written.
class SummaryBuilder {
 public:
  explicit SummaryBuilder(ByteOrder order) : order_(order) {}

  void add(const SummaryEntry& entry);
  void clear();
  u32 entries() const { return count_; }
  /// Bytes that the summary takes if nothing, or one more entry of `extra` bytes, is added.
  u32 size(u32 extra = 0) const {
    return kSummarySize + static_cast<u32>(bytes_.size()) + extra + kSummaryMarkerSize;
  }
  /// The summary node, filling `room` bytes (at least size()): from `node_offset` to the end of the
  /// block. `cleanmarker`: bytes of cleanmarker at the start of the block.
  std::vector<u8> finish(u32 node_offset, u32 room, u32 cleanmarker) const;

 private:
  ByteOrder order_;
  u32 count_ = 0;
  std::vector<u8> bytes_;
};

}  // namespace quire::jffs2
