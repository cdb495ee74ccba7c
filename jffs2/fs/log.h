// The log: where nodes are written, one open block at a time, and where free blocks come from.
//
//   a block:  cleanmarker | stamp | node node node ... | summary (to the block's end)
//
// The open block always keeps room for its summary, so every block that fills gets one.
#pragma once

#include <deque>
#include <functional>
#include <optional>

#include "jffs2/codec/summary.h"
#include "jffs2/fs/index.h"
#include "jffs2/fs/medium.h"

namespace quire::jffs2 {

/// What a write is for decides how deep into the reserve of free blocks it may go.
enum class Purpose : u8 {
  data,        ///< leaves two free blocks
  removal,     ///< unlink, truncate: leaves one
  collection,  ///< garbage collection: may take the last, for it gives one back
};
constexpr u32 reserve_of(Purpose p) { return p == Purpose::data ? 2 : p == Purpose::removal ? 1 : 0; }

class Log {
 public:
  struct Hooks {
    /// A block is about to be erased; its references are still there.
    std::function<void(BlockIndex)> before_erase;
    /// A node had to be written again elsewhere because the page it was on failed.
    std::function<void(RefId from, RefId to)> moved;
  };
  Log(Index& index, Medium& medium, ByteOrder order, Hooks hooks)
      : index_(index), medium_(medium), order_(order), summary_(order), hooks_(std::move(hooks)) {}

  /// A block that mount found erased and marked. `re_erase`: see Block.
  void add_free(BlockIndex b, bool re_erase);
  u32 free_blocks() const { return static_cast<u32>(free_.size()); }
  std::optional<BlockIndex> open_block() const { return open_; }
  void set_sequence(u32 last) { sequence_ = last; }

  /// Room in the open block for one node whose summary entry has `entry` bytes; 0 if none is open.
  u32 room(u32 entry) const;
  /// Makes room() at least `need`, opening a block where it must. ENOSPC: the reserve is reached.
  Result<u32> prepare(u32 need, u32 entry, Purpose purpose);
  /// Writes a node (padded to four) and adds its reference, checked and linked. prepare() made room.
  Result<RefId> append(std::span<const u8> node, RefKind kind, Slot owner, SummaryEntry entry,
                       Purpose purpose);
  /// Pushes the last partial page out (NAND).
  Result<> flush();
  /// Ends the open block with its summary.
  Result<> close();

  /// Erases an unused block and marks it clean; a block that cannot be erased turns bad.
  Result<> erase(BlockIndex b);

  /// Bytes of a block that never hold nodes: cleanmarker, stamp, fixed part of the summary (on NAND
  /// with what its pages leave over).
  u32 overhead() const;
  u64 written_nodes() const { return written_; }
  u64 erased_blocks() const { return erased_; }

 private:
  u32 cleanmarker_in_data() const { return medium_.device().geometry().is_nand() ? 0 : kCleanmarkerSize; }
  u64 position() const;
  Result<> open_next(Purpose purpose);
  Result<> write(std::span<const u8> bytes);
  /// Writes bytes that hold no node.
  Result<> write_waste(std::span<const u8> bytes);
  void end_open();
  Result<> retire_open(Purpose purpose);
  Result<> mark_clean(BlockIndex b);
  void make_bad(BlockIndex b);

  Index& index_;
  Medium& medium_;
  ByteOrder order_;
  SummaryBuilder summary_;
  Hooks hooks_;
  std::optional<BlockIndex> open_;
  std::deque<BlockIndex> free_;
  u32 sequence_ = 0;
  bool holds_foreign_ = false;  ///< the open block has a node that no summary can list
  u64 written_ = 0;
  u64 erased_ = 0;
};

}  // namespace quire::jffs2
