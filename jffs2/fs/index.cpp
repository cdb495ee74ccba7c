#include "jffs2/fs/index.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "jffs2/codec/node.h"
#include "jffs2/codec/summary.h"

namespace quire::jffs2 {

u32 NodeRef::summary_bytes() const {
  switch (kind()) {
    case RefKind::inode:
      return summary_entry_size(NodeType::inode);
    case RefKind::dirent:
      return summary_entry_size(NodeType::dirent, length() - kDirentSize);
    case RefKind::xattr:
      return summary_entry_size(NodeType::xattr);
    case RefKind::xref:
      return summary_entry_size(NodeType::xref);
    case RefKind::foreign:
      return 0;
  }
  return 0;
}

Index::Index(const Geometry& geometry)
    : erase_size_(geometry.erase_size),
      // No node is shorter than a header.
      shift_(static_cast<u32>(std::bit_width(geometry.erase_size / kHeaderSize))),
      mask_((1u << shift_) - 1),
      blocks_(geometry.block_count),
      buckets_(64) {}

void Index::account_live(Block& block, const NodeRef& ref, i32 sign) {
  u32 entry = ref.summary_bytes();
  live_bytes_ += static_cast<u64>(i64{sign} * (i64{ref.room()} + entry));
  live_nodes_ += static_cast<u64>(i64{sign});
  block.live_summary += static_cast<u32>(sign) * entry;
}

RefId Index::add(BlockIndex b, const NodeRef& ref, u32 Block::* from, bool checked) {
  Block& block = blocks_[b.value()];
  RefId new_id = id(b, static_cast<u32>(block.refs.size()));
  block.refs.push_back(ref);
  assert(block.*from >= ref.room());
  block.*from -= ref.room();
  (checked ? block.used : block.unchecked) += ref.room();
  if (checked) block.refs.back().offset_ |= NodeRef::kChecked;
  account_live(block, ref, 1);
  return new_id;
}

void Index::mark_obsolete(RefId id) {
  NodeRef& r = ref(id);
  if (r.obsolete()) return;
  Block& b = blocks_[id.value() >> shift_];
  (r.checked() ? b.used : b.unchecked) -= r.room();
  b.dirty += r.room();
  r.offset_ |= NodeRef::kObsolete;
  account_live(b, r, -1);
}

void Index::mark_checked(RefId id) {
  NodeRef& r = ref(id);
  if (r.checked()) return;
  r.offset_ |= NodeRef::kChecked;
  if (r.obsolete()) return;
  Block& b = blocks_[id.value() >> shift_];
  b.unchecked -= r.room();
  b.used += r.room();
}

void Index::link(RefId id) {
  NodeRef& r = ref(id);
  InodeSlot& s = slot(r.owner_);
  r.next_ = s.head;
  s.head = id;
}

void Index::clear_block(BlockIndex b) {
  Block& block = blocks_[b.value()];
  std::vector<u32> owners;
  for (const NodeRef& r : block.refs) {
    if (!r.obsolete()) account_live(block, r, -1);
    if (r.owner_ != kNoSlot && (r.kind() == RefKind::inode || r.kind() == RefKind::dirent))
      owners.push_back(r.owner_.value());
  }
  std::ranges::sort(owners);
  owners.erase(std::ranges::unique(owners).begin(), owners.end());
  for (u32 owner : owners) {
    RefId* at = &slots_[owner].head;
    while (*at != kNoRef) {
      NodeRef& r = ref(*at);
      if (block_of(*at) == b)
        *at = r.next_;
      else
        at = &r.next_;
    }
  }
  // Freed, not only emptied: most blocks stay full and unchanged for long.
  std::vector<NodeRef>().swap(block.refs);
  block.used = block.unchecked = block.dirty = block.wasted = block.free = 0;
  block.sequence = 0;
  block.summary = false;
}

void Index::set_free(BlockIndex b) {
  Block& block = blocks_[b.value()];
  block.used = block.unchecked = block.dirty = block.wasted = 0;
  block.free = erase_size_;
  block.state = BlockState::free;
}

Slot Index::find(Ino ino) const {
  for (std::size_t i = bucket_of(ino);; i = (i + 1) & (buckets_.size() - 1)) {
    if (buckets_[i] == 0) return kNoSlot;
    if (slots_[buckets_[i] - 1].ino == ino) return Slot(buckets_[i] - 1);
  }
}

Slot Index::find_or_add(Ino ino) {
  Slot s = find(ino);
  if (s != kNoSlot) return s;
  if ((inode_count_ + 1) * std::size_t{4} > buckets_.size() * 3) rehash(buckets_.size() * 2);
  if (free_slots_.empty()) {
    s = Slot(static_cast<u32>(slots_.size()));
    slots_.emplace_back();
  } else {
    s = Slot(free_slots_.back());
    free_slots_.pop_back();
  }
  slots_[s.value()] = InodeSlot{.ino = ino};
  inode_count_++;
  std::size_t i = bucket_of(ino);
  while (buckets_[i] != 0) i = (i + 1) & (buckets_.size() - 1);
  buckets_[i] = s.value() + 1;
  return s;
}

void Index::rehash(std::size_t buckets) {
  buckets_.assign(buckets, 0);
  for (u32 s = 0; s < slots_.size(); s++) {
    if (slots_[s].ino == kNoIno) continue;
    std::size_t i = bucket_of(slots_[s].ino);
    while (buckets_[i] != 0) i = (i + 1) & (buckets_.size() - 1);
    buckets_[i] = s + 1;
  }
}

void Index::drop_inode(Slot s) {
  for (RefId id = slots_[s.value()].head; id != kNoRef;) {
    NodeRef& r = ref(id);
    RefId next = r.next_;
    mark_obsolete(id);
    r.owner_ = kNoSlot;
    r.next_ = kNoRef;
    id = next;
  }
  // Take it out of the hash table, closing the gap so that searches still find what collided.
  std::size_t hole = bucket_of(slots_[s.value()].ino);
  while (buckets_[hole] != s.value() + 1) hole = (hole + 1) & (buckets_.size() - 1);
  for (std::size_t i = hole;;) {
    i = (i + 1) & (buckets_.size() - 1);
    if (buckets_[i] == 0) break;
    std::size_t home = bucket_of(slots_[buckets_[i] - 1].ino);
    if (((i - home) & (buckets_.size() - 1)) >= ((i - hole) & (buckets_.size() - 1))) {
      buckets_[hole] = buckets_[i];
      hole = i;
    }
  }
  buckets_[hole] = 0;
  slots_[s.value()] = InodeSlot{};
  free_slots_.push_back(s.value());
  inode_count_--;
}

void Index::shrink() {
  for (Block& b : blocks_) b.refs.shrink_to_fit();
  slots_.shrink_to_fit();
}

u64 Index::memory() const {
  u64 n = blocks_.capacity() * sizeof(Block) + slots_.capacity() * sizeof(InodeSlot) +
          (buckets_.capacity() + free_slots_.capacity()) * sizeof(u32);
  for (const Block& b : blocks_) n += b.refs.capacity() * sizeof(NodeRef);
  return n;
}

}  // namespace quire::jffs2
