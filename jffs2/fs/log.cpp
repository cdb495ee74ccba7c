#include "jffs2/fs/log.h"

#include <algorithm>
#include <cassert>

#include "base/range.h"
#include "jffs2/fs/stamp.h"

namespace quire::jffs2 {

void Log::add_free(BlockIndex b, bool re_erase) {
  index_.set_free(b);
  Block& block = index_.block(b);
  block.re_erase = re_erase;
  block.free -= cleanmarker_in_data();
  block.wasted += cleanmarker_in_data();
  free_.push_back(b);
}

u64 Log::position() const {
  const Geometry& g = medium_.device().geometry();
  return g.block_start(*open_) + g.erase_size - index_.block(*open_).free;
}

u32 Log::overhead() const {
  u32 page = medium_.device().geometry().page_size;
  return cleanmarker_in_data() + std::max(kStampSize, page) +
         std::max(kSummarySize + kSummaryMarkerSize, page);
}

u32 Log::room(u32 entry) const {
  if (!open_) return 0;
  u32 free = index_.block(*open_).free;
  // On NAND the summary starts on a page of its own: were its page cut but readable for once, the
  // block would pass for closed, and a node on the same page for stable.
  u32 summary = static_cast<u32>(round_up(summary_.size(entry), medium_.device().geometry().page_size));
  return free > summary ? (free - summary) & ~3u : 0;
}

Result<u32> Log::prepare(u32 need, u32 entry, Purpose purpose) {
  // A chip may refuse program after program; each failure retires a block and opens another.
  for (u32 tries = 0; tries < 8; tries++) {
    if (u32 have = room(entry); have >= need) return have;
    if (!open_) {
      TRY_VOID(open_next(purpose));
    } else if (index_.block(*open_).refs.empty()) {
      return err(ERANGE);
    } else {
      TRY_VOID(close());
    }
  }
  return err(EIO);
}

Result<> Log::open_next(Purpose purpose) {
  while (free_.size() > reserve_of(purpose)) {
    BlockIndex b = free_.front();
    free_.pop_front();
    Block& block = index_.block(b);
    // What mount found free may be the block whose first program was cut: bits that read as ones
    // today need not tomorrow. One more erase settles them.
    if (block.re_erase) {
      TRY_VOID(erase(b));
      if (block.state == BlockState::free) {
        free_.pop_back();
        free_.push_front(b);
      }
      continue;
    }
    block.state = BlockState::open;
    open_ = b;
    summary_.clear();
    holds_foreign_ = false;
    block.sequence = ++sequence_;
    // The stamp goes out before any node: on NAND a node on the same page, cut, could read as ones at
    // the next mount, the block pass for free, and the node appear at the mount after that.
    if (write_waste(encode_stamp(sequence_, order_))) return flush();
    TRY_VOID(retire_open(purpose));
  }
  return err(ENOSPC);
}

Result<> Log::write(std::span<const u8> bytes) { return medium_.append(position(), bytes); }

Result<> Log::write_waste(std::span<const u8> bytes) {
  auto r = write(bytes);
  Block& block = index_.block(*open_);
  u32 n = static_cast<u32>(bytes.size());
  block.free -= n;
  block.wasted += n;
  return r;
}

Result<RefId> Log::append(std::span<const u8> node, RefKind kind, Slot owner, SummaryEntry entry,
                          Purpose purpose) {
  assert(node.size() % 4 == 0);
  for (u32 tries = 0;; tries++) {
    const Geometry& g = medium_.device().geometry();
    u64 at = position();
    auto r = write(node);
    if (!r) {
      if (tries == 4) return err(r.error());
      TRY_VOID(retire_open(purpose));
      u32 name = static_cast<u32>(entry.name.size());
      (void)TRY(prepare(static_cast<u32>(node.size()), summary_entry_size(entry.type, name), purpose));
      continue;
    }
    u32 length = entry.type == NodeType::xref ? kXrefSize : entry.totlen;
    RefId id = index_.add(*open_, NodeRef(static_cast<u32>(at), length, kind, owner), &Block::free, true);
    if (owner != kNoSlot && (kind == RefKind::inode || kind == RefKind::dirent)) index_.link(id);
    if (kind == RefKind::foreign) {
      holds_foreign_ = true;
    } else {
      entry.offset = static_cast<u32>(at - g.block_start(*open_));
      summary_.add(entry);
    }
    written_++;
    return id;
  }
}

Result<> Log::flush() {
  if (!open_ || medium_.pending() == 0) return {};
  std::vector<u8> padding;
  encode_padding(padding, medium_.device().geometry().page_size - medium_.pending(), order_);
  if (write_waste(padding)) return {};
  TRY_VOID(retire_open(Purpose::collection));
  return flush();
}

Result<> Log::close() {
  if (!open_) return {};
  BlockIndex closing = *open_;
  TRY_VOID(flush());
  if (open_ != closing) return {};  // its last page failed: it is closed already
  // A summary must list all; what it cannot name would be lost to the next mount.
  if (holds_foreign_) {
    end_open();
    return {};
  }
  Block& block = index_.block(*open_);
  u32 at = static_cast<u32>(position() - medium_.device().geometry().block_start(*open_));
  auto bytes = summary_.finish(at, block.free, cleanmarker_in_data());
  if (!write_waste(bytes)) return retire_open(Purpose::collection);
  block.summary = true;
  end_open();
  return {};
}

void Log::end_open() {
  Block& block = index_.block(*open_);
  block.dirty += block.free;
  block.free = 0;
  block.state = BlockState::used;
  block.refs.shrink_to_fit();
  open_.reset();
}

Result<> Log::retire_open(Purpose purpose) {
  BlockIndex bad = *open_;
  Block& block = index_.block(bad);
  block.failing = true;
  index_.count_unusable();
  end_open();
  if (medium_.pending() == 0) return {};

  // NAND: nodes that were, wholly or in part, on the page that failed exist only in the buffer.
  struct Lost {
    RefId id;
    std::vector<u8> bytes;
  };
  std::vector<Lost> lost;
  for (u32 i = static_cast<u32>(block.refs.size()); i-- != 0;) {
    const NodeRef& r = block.refs[i];
    if (r.offset() + u64{r.room()} <= medium_.pending_at()) break;
    if (r.obsolete()) continue;
    std::vector<u8> bytes(r.room());
    TRY_VOID(medium_.read(r.offset(), bytes));
    lost.push_back({index_.id(bad, i), std::move(bytes)});
  }
  medium_.discard();
  for (auto it = lost.rbegin(); it != lost.rend(); ++it) {
    NodeRef old = index_.ref(it->id);
    auto entry = entry_of_node(it->bytes, order_);
    if (!entry) return err(EIO);
    (void)TRY(prepare(old.room(), old.summary_bytes(), purpose));
    RefId now = TRY(append(it->bytes, old.kind(), old.owner(), *entry, purpose));
    hooks_.moved(it->id, now);
    index_.mark_obsolete(it->id);
  }
  return {};
}

void Log::make_bad(BlockIndex b) {
  // Without a place for the mark the block is bad for this mount only.
  (void)medium_.device().mark_bad(b);
  Block& block = index_.block(b);
  if (!block.failing) index_.count_unusable();
  index_.clear_block(b);
  block.state = BlockState::bad;
  block.dirty = medium_.device().geometry().erase_size;
}

Result<> Log::mark_clean(BlockIndex b) {
  const Geometry& g = medium_.device().geometry();
  std::vector<u8> marker;
  if (!g.is_nand()) {
    encode_cleanmarker(marker, order_);
    return medium_.device().program(g.block_start(b), marker);
  }
  marker = encode_oob_cleanmarker(order_);
  if (g.oob_size == 0 || g.oob_free_size < marker.size()) return {};
  return medium_.device().program_oob(g.block_start(b), g.oob_free_offset, marker);
}

Result<> Log::erase(BlockIndex b) {
  // What made this block's nodes obsolete must be on the medium first.
  TRY_VOID(flush());
  hooks_.before_erase(b);
  Block& block = index_.block(b);
  if (block.failing) {
    make_bad(b);
    return {};
  }
  if (!medium_.device().erase(b)) {
    make_bad(b);
    return {};
  }
  block.erases++;
  erased_++;
  index_.clear_block(b);
  if (!mark_clean(b)) {
    make_bad(b);
    return {};
  }
  add_free(b, false);
  return {};
}

}  // namespace quire::jffs2
