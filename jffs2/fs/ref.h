// The index in memory is arrays of 16-byte references, one a node on flash, kept by erase block.
//
// No node has a heap object of its own, and links are 32-bit ids, not pointers: this is what keeps
// the index small. A reference stays until its block is erased, obsolete or not, because what lies on
// flash obsolete may be read again by the next mount (see Directory::ghosts).
#pragma once

#include "jffs2/codec/types.h"
#include "jffs2/flash/device.h"

namespace quire::jffs2 {

/// A node reference: its block and its place in the block's array, in one word (Index::id()).
using RefId = StrongInt<struct RefIdTag, u32>;
inline constexpr RefId kNoRef{~u32{0}};

/// A place in the inode table (or, for xattr and xref nodes, in the Xattrs tables).
using Slot = StrongInt<struct SlotTag, u32>;
inline constexpr Slot kNoSlot{~u32{0}};

enum class RefKind : u8 {
  inode,
  dirent,  ///< owned by the directory
  xattr,
  xref,
  foreign,  ///< an unknown type that must be copied
};

class NodeRef {
 public:
  NodeRef(u32 offset, u32 length, RefKind kind, Slot owner)
      : offset_(offset), length_kind_(length | u32{static_cast<u8>(kind)} << kLengthBits), owner_(owner) {}

  /// Longest node that a reference can describe; erase blocks must be no larger.
  static constexpr u32 kMaxLength = (1u << 28) - 1;

  u32 offset() const { return offset_ & ~3u; }              ///< on the chip
  u32 length() const { return length_kind_ & kMaxLength; }  ///< totlen, unpadded
  u32 room() const { return pad4(length()); }
  RefKind kind() const { return static_cast<RefKind>(length_kind_ >> kLengthBits); }
  bool obsolete() const { return (offset_ & kObsolete) != 0; }
  /// Its CRCs, the data's too, were found right since mount.
  bool checked() const { return (offset_ & kChecked) != 0; }
  /// Bytes that its summary entry takes.
  u32 summary_bytes() const;

  Slot owner() const { return owner_; }
  RefId next() const { return next_; }

 private:
  friend class Index;
  static constexpr u32 kObsolete = 1;
  static constexpr u32 kChecked = 2;
  static constexpr u32 kLengthBits = 28;

  u32 offset_;
  u32 length_kind_;
  Slot owner_;
  RefId next_ = kNoRef;  ///< next reference of the same inode
};
static_assert(sizeof(NodeRef) == 16);

}  // namespace quire::jffs2
