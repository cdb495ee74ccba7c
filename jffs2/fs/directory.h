// A loaded directory: its names in the order in which they were made, found by hash.
//
// A removed name keeps its entry (without an inode) as long as its removal must stay on flash, which
// is as long as an obsolete dirent of that name, a ghost, is still there to be read by the next mount.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "jffs2/codec/node.h"
#include "jffs2/fs/ref.h"

namespace quire::jffs2 {

u32 name_hash(std::string_view name);

class Directory {
 public:
  struct Entry {
    u32 hash = 0;
    Ino ino{};           ///< kNoIno: removed
    RefId ref = kNoRef;  ///< the dirent on flash; kNoRef: the entry is dead
    u32 name_at = 0;
    u8 name_length = 0;
    FileType type = FileType::unknown;
  };
  static constexpr u32 kNone = ~u32{0};

  /// The entry of a name, removed ones included; kNone.
  u32 find(std::string_view name) const;
  /// As find(), for names that are there.
  u32 find_live(std::string_view name) const {
    u32 i = find(name);
    return i != kNone && entries_[i].ino != kNoIno ? i : kNone;
  }
  /// Sets the entry of a name, made if it is new; the reference it had (or kNoRef) is returned.
  RefId set(std::string_view name, Ino ino, FileType type, RefId ref);
  /// The removal of a name need not be kept: the entry is dead.
  void forget(u32 index);
  /// The entry whose dirent is `ref` (its name being known); kNone.
  u32 find_ref(std::string_view name, RefId ref) const;
  void move_ref(u32 index, RefId to) { entries_[index].ref = to; }

  const Entry& entry(u32 index) const { return entries_[index]; }
  u32 size() const { return static_cast<u32>(entries_.size()); }  ///< dead and removed ones included
  u32 live() const { return live_; }
  std::string_view name(u32 index) const {
    return {names_.data() + entries_[index].name_at, entries_[index].name_length};
  }

  // Ghosts, counted by hash: names that collide keep each other's removals a little longer.
  void add_ghost(u32 hash) { ghosts_[hash]++; }
  void remove_ghost(u32 hash);
  bool has_ghost(u32 hash) const { return unreadable_ghosts_ != 0 || ghosts_.contains(hash); }
  /// An obsolete dirent that cannot be read now may be readable later: every removal is kept.
  void add_unreadable_ghost() { unreadable_ghosts_++; }

  void shrink();
  u64 memory() const;

 private:
  void rehash(std::size_t buckets);

  std::vector<Entry> entries_;
  std::vector<char> names_;
  std::vector<u32> buckets_;  ///< open addressing: entry + 1; dead entries stay
  std::unordered_map<u32, u32> ghosts_;
  u32 unreadable_ghosts_ = 0;
  u32 live_ = 0;
};

}  // namespace quire::jffs2
