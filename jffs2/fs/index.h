// The index of a mounted chip: erase blocks with their node references and space accounts, and the
// inode table. Knows nothing of flash contents; Volume's lock guards it.
//
// Invariant of every block: used + unchecked + dirty + wasted + free = erase size.
#pragma once

#include <vector>

#include "jffs2/fs/file_system.h"
#include "jffs2/fs/ref.h"

namespace quire::jffs2 {

/// One erase block.
struct Block {
  std::vector<NodeRef> refs;  ///< by rising offset
  u32 used = 0;
  u32 unchecked = 0;
  u32 dirty = 0;
  u32 wasted = 0;
  u32 free = 0;
  u32 live_summary = 0;  ///< bytes that the live nodes' summary entries take
  u32 erases = 0;        ///< since mount
  u32 sequence = 0;      ///< of its stamp (stamp.h); 0: none
  BlockState state = BlockState::free;
  bool summary = false;   ///< ends in a sound summary
  bool re_erase = false;  ///< free when found at mount: erase once more before use
  bool failing = false;   ///< a program failed: mark bad when emptied
  u32 live() const { return used + unchecked; }
};

/// One inode as known since mount, loaded or not.
struct InodeSlot {
  Ino ino{};
  RefId head = kNoRef;  ///< its references, obsolete ones too
  u32 links = 0;        ///< names of a file; subdirectories of a directory
  Ino parent{};         ///< of a directory; kNoIno for all else
};
static_assert(sizeof(InodeSlot) == 16);

class Index {
 public:
  explicit Index(const Geometry& geometry);

  // Blocks.
  u32 block_count() const { return static_cast<u32>(blocks_.size()); }
  Block& block(BlockIndex b) { return blocks_[b.value()]; }
  const Block& block(BlockIndex b) const { return blocks_[b.value()]; }
  BlockIndex block_of(RefId id) const { return BlockIndex(id.value() >> shift_); }

  /// Blocks that are bad, or will be when they are emptied.
  u32 unusable_blocks() const { return unusable_; }
  void count_unusable() { unusable_++; }

  // References.
  NodeRef& ref(RefId id) { return blocks_[id.value() >> shift_].refs[id.value() & mask_]; }
  const NodeRef& ref(RefId id) const { return blocks_[id.value() >> shift_].refs[id.value() & mask_]; }
  RefId id(BlockIndex b, u32 i) const { return RefId(b.value() << shift_ | i); }
  /// Adds a live reference at the end of the array of its block `b` and moves its room from the account
  /// that `from` names to used (checked) or unchecked.
  RefId add(BlockIndex b, const NodeRef& ref, u32 Block::* from, bool checked);
  void mark_obsolete(RefId id);
  void mark_checked(RefId id);
  /// Puts the reference at the head of its inode's list.
  void link(RefId id);
  /// Takes all references of a block off their inodes' lists and forgets them.
  void clear_block(BlockIndex b);
  /// A block found erased, or just erased: all free.
  void set_free(BlockIndex b);

  /// Bytes of live nodes, with their summary entries, on the whole chip.
  u64 live_bytes() const { return live_bytes_; }
  u64 live_nodes() const { return live_nodes_; }

  // Inodes.
  Slot find(Ino ino) const;
  Slot find_or_add(Ino ino);
  InodeSlot& slot(Slot s) { return slots_[s.value()]; }
  const InodeSlot& slot(Slot s) const { return slots_[s.value()]; }
  /// Forgets an inode that has no name: its references become obsolete and nobody's.
  void drop_inode(Slot s);
  u32 inode_count() const { return inode_count_; }
  /// Calls f(Slot) for each inode.
  template <typename F>
  void each_inode(F f) const {
    for (u32 i = 0; i < slots_.size(); i++)
      if (slots_[i].ino != kNoIno) f(Slot(i));
  }
  /// Gives memory back after mount.
  void shrink();
  u64 memory() const;

 private:
  void account_live(Block& block, const NodeRef& ref, i32 sign);
  void rehash(std::size_t buckets);
  std::size_t bucket_of(Ino ino) const { return (ino.value() * 0x9E3779B1u) & (buckets_.size() - 1); }

  u32 erase_size_;
  u32 shift_;
  u32 mask_;
  std::vector<Block> blocks_;
  u32 unusable_ = 0;
  u64 live_bytes_ = 0;
  u64 live_nodes_ = 0;

  std::vector<InodeSlot> slots_;
  std::vector<u32> buckets_;  ///< open addressing: slot + 1; 0: empty
  std::vector<u32> free_slots_;
  u32 inode_count_ = 0;
};

}  // namespace quire::jffs2
