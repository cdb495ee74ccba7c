// What a file consists of: ranges of it, each from one node. A sorted array: small, quick to search,
// and an overwrite of a whole node, the common case, changes one element in place.
#pragma once

#include <vector>

#include "jffs2/fs/ref.h"

namespace quire::jffs2 {

struct Fragment {
  u32 start = 0;  ///< in the file
  u32 length = 0;
  RefId ref = kNoRef;
  u32 node_start = 0;  ///< what the whole node covers
  u32 node_length = 0;

  u64 end() const { return u64{start} + length; }
  u64 node_end() const { return u64{node_start} + node_length; }
  /// All of the node is in use, in one piece.
  bool whole() const { return start == node_start && length == node_length; }
};

class Fragments {
 public:
  /// A node as found when a file is loaded; `rank` orders them, newest highest, each different.
  struct Candidate {
    u32 start;
    u32 length;
    u64 rank;
    RefId ref;
  };

  /// Replaces the content by what `nodes` show together (sorts them). O(n log n) whatever they are.
  /// Ends may reach past 4 GiB; callers cut them with truncate().
  void build(std::vector<Candidate>& nodes);

  /// Lays a new node over the range; nodes that no longer show are added to `dropped`.
  void overlay(RefId ref, u32 start, u32 length, std::vector<RefId>& dropped);
  /// Cuts what lies at or past `size`.
  void truncate(u32 size, std::vector<RefId>& dropped);
  /// A node has moved on flash.
  void replace(RefId from, RefId to, u32 node_start, u32 node_length);

  /// Index of the first fragment that ends past `offset`; size() if there is none.
  std::size_t find(u32 offset) const;
  /// The first fragment of a node that covers from `node_start`, or size().
  std::size_t find_node(RefId ref, u32 node_start, u32 node_length) const;
  const Fragment& operator[](std::size_t i) const { return list_[i]; }
  std::size_t size() const { return list_.size(); }
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }
  void clear() { list_.clear(); }
  void shrink() { list_.shrink_to_fit(); }
  u64 memory() const { return list_.capacity() * sizeof(Fragment); }

 private:
  std::vector<Fragment> list_;
};

}  // namespace quire::jffs2
