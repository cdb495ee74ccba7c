// Lays nodes out in erase blocks: cleanmarker first, nodes that never cross a block, summary last.
#pragma once

#include <functional>
#include <vector>

#include "jffs2/codec/node.h"
#include "jffs2/codec/summary.h"
#include "jffs2/tool/failure.h"
#include "jffs2/tool/mkfs.h"

namespace quire::jffs2 {

class Packer {
 public:
  using Write = std::function<Status(std::span<const u8>)>;
  Packer(const MkfsOptions& options, Write write);

  /// Bytes that a node of this summary entry may still take in the current block (0 if none).
  u32 room(NodeType type, u32 name_length = 0) const;
  /// The same in a fresh block: what can never fit more than this.
  u32 fresh_room(NodeType type, u32 name_length = 0) const;
  /// Ends the current block and starts the next.
  Status next_block();
  /// Appends an encoded node, which must fit in room(); entry.offset and totlen are filled in.
  Status add(std::span<const u8> node, SummaryEntry entry);
  /// Ends the image; pads it as the options say.
  Status finish();

  u64 bytes() const { return written_ + block_.size(); }
  u64 nodes() const { return nodes_; }

 private:
  void start_block();
  u32 room_after(std::size_t used, u32 summary_size) const;
  Status write_block();

  const MkfsOptions& options_;
  Write write_;
  std::vector<u8> block_;
  SummaryBuilder summary_;
  u64 written_ = 0;
  u64 nodes_ = 0;
};

}  // namespace quire::jffs2
