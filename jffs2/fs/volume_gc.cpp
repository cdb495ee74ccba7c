// Garbage collection: a victim block's live nodes move to the open block one by one, then it is
// erased. One step moves one node or erases one block; between steps the lock can be given up.

#include <algorithm>

#include "base/range.h"
#include "jffs2/codec/crc.h"
#include "jffs2/fs/volume.h"

namespace quire::jffs2 {
namespace {

constexpr u32 kPage = 4096;
constexpr u32 kInodeEntry = 18;
/// Erase counts may differ by this much before a block is collected only to share the wear.
constexpr u32 kWearSpread = 8;
constexpr u32 kWearPeriod = 4;

}  // namespace

i64 Volume::gain_of(const Block& block) const {
  return i64{device_.geometry().erase_size} - log_.overhead() - block.live() - block.live_summary;
}

std::optional<BlockIndex> Volume::pick_victim(bool any_gain) {
  const Geometry& g = device_.geometry();
  i64 least = std::max(any_gain ? g.erase_size / 64 : g.erase_size / 16, g.page_size);
  std::optional<BlockIndex> best, idle;
  i64 best_gain = least;
  u32 most_erases = 0;
  for (u32 i = 0; i < index_.block_count(); i++) {
    const Block& b = index_.block(BlockIndex(i));
    most_erases = std::max(most_erases, b.erases);
    if (b.state != BlockState::used) continue;
    if (b.failing) return BlockIndex(i);
    if (!idle || b.erases < index_.block(*idle).erases) idle = BlockIndex(i);
    if (i64 gain = gain_of(b); gain > best_gain) {
      best_gain = gain;
      best = BlockIndex(i);
    }
  }
  // Data that never changes would keep its block from ever wearing: move it now and then.
  bool roomy = log_.free_blocks() > reserve_of(Purpose::data);
  if (idle && roomy && ++picks_ % kWearPeriod == 0 && index_.block(*idle).erases + kWearSpread < most_erases)
    return idle;
  return best;
}

Result<bool> Volume::step(bool any_gain) {
  if (victim_ && index_.block(*victim_).state != BlockState::used) victim_.reset();
  if (!victim_ || victim_at_ == 0) {
    if (!victim_) victim_ = pick_victim(any_gain);
    if (!victim_) return false;
    victim_at_ = 0;
  }
  BlockIndex b = *victim_;
  Block& block = index_.block(b);
  while (victim_at_ < block.refs.size() && block.refs[victim_at_].obsolete()) victim_at_++;
  if (victim_at_ < block.refs.size()) {
    RefId id = index_.id(b, victim_at_);
    u32 room = index_.ref(id).room();
    if (auto r = move(id); !r) {
      victim_.reset();
      victim_at_ = 0;
      return err(r.error());
    }
    moved_bytes_ += room;
    victim_at_++;
    counters_.gc_moved_nodes++;
    return true;
  }
  victim_.reset();
  victim_at_ = 0;
  TRY_VOID(log_.erase(b));
  return true;
}

Result<> Volume::move(RefId id) {
  switch (index_.ref(id).kind()) {
    case RefKind::inode:
      return move_inode_node(id);
    case RefKind::dirent:
      return move_dirent(id);
    case RefKind::xattr:
    case RefKind::xref:
      return move_xattr(id);
    case RefKind::foreign:
      break;
  }
  (void)TRY(copy_verbatim(id));
  return {};
}

Result<RefId> Volume::copy_verbatim(RefId id) {
  NodeRef old = index_.ref(id);
  (void)TRY(log_.prepare(old.room(), old.summary_bytes(), Purpose::collection));
  std::vector<u8> bytes(old.room());
  TRY_VOID(medium_.read(old.offset(), bytes));
  SummaryEntry entry;
  if (old.kind() == RefKind::foreign) {
    entry.totlen = old.length();
  } else {
    auto found = entry_of_node(bytes, order_);
    // A summary may have told another length than the node does.
    if (!found || (old.kind() != RefKind::xref && found->totlen != old.length())) return err(EIO);
    entry = *found;
  }
  RefId now = TRY(log_.append(bytes, old.kind(), old.owner(), entry, Purpose::collection));
  node_moved(id, now);
  index_.mark_obsolete(id);
  return now;
}

/// What refers to a node refers to its copy.
void Volume::node_moved(RefId from, RefId to) {
  const NodeRef& r = index_.ref(to);
  std::vector<u8> bytes(r.room());
  if (!medium_.read(r.offset(), bytes)) return;
  switch (r.kind()) {
    case RefKind::inode: {
      auto n = decode_inode(bytes, order_);
      auto it = n ? loaded_.find(n->ino) : loaded_.end();
      if (it == loaded_.end()) return;
      Inode& inode = *it->second;
      if (inode.metadata == from)
        inode.metadata = to;
      else
        inode.fragments.replace(from, to, n->offset, n->dsize);
      return;
    }
    case RefKind::dirent: {
      auto n = decode_dirent(bytes, order_);
      auto it = n ? loaded_.find(n->pino) : loaded_.end();
      if (it == loaded_.end()) return;
      Directory& d = *it->second->directory;
      u32 i = d.find_ref(n->name, from);
      if (i == Directory::kNone) return;
      d.move_ref(i, to);
      // The original stays readable until its block is erased.
      if (n->ino != kNoIno) d.add_ghost(name_hash(n->name));
      return;
    }
    case RefKind::xattr: {
      auto n = decode_xattr(bytes, order_);
      auto it = n ? data_.find(n->xid.value()) : data_.end();
      if (it != data_.end() && it->second.ref == from) it->second.ref = to;
      return;
    }
    case RefKind::xref: {
      auto n = decode_xref(bytes, order_);
      auto it = n ? xrefs_.find({n->ino.value(), n->xid.value()}) : xrefs_.end();
      if (it == xrefs_.end() || it->second.ref != from) return;
      it->second.ref = to;
      it->second.ghosts++;
      return;
    }
    case RefKind::foreign:
      return;
  }
}

Result<> Volume::move_inode_node(RefId id) {
  Ino ino = index_.slot(index_.ref(id).owner()).ino;
  auto loaded = load(ino);
  // Loading looks at every node of the inode; what was damaged or doubled is obsolete now.
  if (!loaded) {
    if (loaded.error() != Errno(EIO)) return err(loaded.error());
    index_.mark_obsolete(id);
    return {};
  }
  if (index_.ref(id).obsolete()) return {};
  Inode& inode = **loaded;

  auto header = read_header(id);
  auto data = header ? medium_.look(index_.ref(id).offset() + kInodeSize, header->csize, scratch_) : err(EIO);
  if (!data || crc32(*data) != header->data_crc) {
    // It went bad after it was checked: what it hid shows again.
    damaged(id, "node went bad");
    index_.mark_obsolete(id);
    (void)reload(inode).has_value();
    return {};
  }
  u32 room = index_.ref(id).room();
  if (!inode.is_reg() || inode.metadata == id) {
    (void)TRY(copy_verbatim(id));
    return {};
  }
  std::size_t i = inode.fragments.find_node(id, header->offset, header->dsize);
  if (i == inode.fragments.size()) {
    index_.mark_obsolete(id);
    return {};
  }
  if (recovering_) {
    (void)TRY(copy_verbatim(id));
    return {};
  }
  Fragment f = inode.fragments[i];
  if (f.whole() && header->dsize == f.node_length) {
    // As it is, unless it would leave much of the block unused.
    u32 have = log_.room(kInodeEntry);
    u32 worth_filling =
        tight() ? 4 * kInodeSize : std::max(4 * kInodeSize, device_.geometry().erase_size / 16);
    if (have >= room || have < worth_filling || header->compression == Compression::zero) {
      (void)TRY(copy_verbatim(id));
      return {};
    }
  }
  // Piece by piece; each rewrite lays newer nodes over the old one until nothing of it shows.
  for (u32 tries = 0; !index_.ref(id).obsolete(); tries++) {
    i = inode.fragments.find_node(id, header->offset, header->dsize);
    if (i == inode.fragments.size() || tries > inode.fragments.size()) {
      index_.mark_obsolete(id);
      break;
    }
    f = inode.fragments[i];
    if (header->compression == Compression::zero) {
      TRY_VOID(put_hole(inode, f.start, f.length, Purpose::collection));
      continue;
    }
    u64 start = f.start, end = f.end();
    // A page that came to be many pieces becomes one node again, if space allows.
    if (!tight() && f.length < kPage) {
      u64 page = round_down(start, kPage);
      u64 page_end = std::min<u64>(std::max(page + kPage, end), inode.size);
      bool full = true;
      for (u64 at = page; at < page_end && full;) {
        std::size_t k = inode.fragments.find(static_cast<u32>(at));
        full = k < inode.fragments.size() && inode.fragments[k].start <= at;
        if (full) at = inode.fragments[k].end();
      }
      if (full) {
        start = page;
        end = page_end;
      }
    }
    if (!rewrite(inode, static_cast<u32>(start), static_cast<u32>(end - start))) {
      // A neighbour that cannot be read must not stop this one.
      TRY_VOID(rewrite(inode, f.start, f.length));
    }
  }
  count_memory(inode);
  return {};
}

Result<> Volume::rewrite(Inode& inode, u32 start, u32 length) {
  std::vector<u8> bytes;
  while (length != 0) {
    u32 n = std::min(length, options_.max_node_data);
    bytes.resize(n);
    TRY_VOID(read_range(inode, start, bytes));
    TRY_VOID(put_range(inode, start, bytes, Purpose::collection));
    start += n;
    length -= n;
  }
  return {};
}

Result<> Volume::move_dirent(RefId id) {
  Ino dir = index_.slot(index_.ref(id).owner()).ino;
  auto loaded = load(dir);
  if (!loaded || !(*loaded)->directory) {
    if (!loaded && loaded.error() != Errno(EIO)) return err(loaded.error());
    index_.mark_obsolete(id);
    return {};
  }
  if (index_.ref(id).obsolete()) return {};
  Directory& d = *(*loaded)->directory;
  std::vector<u8> bytes(index_.ref(id).room());
  TRY_VOID(medium_.read(index_.ref(id).offset(), bytes));
  auto n = decode_dirent(bytes, order_);
  u32 i = n ? d.find_ref(n->name, id) : Directory::kNone;
  if (i == Directory::kNone) {
    damaged(id, "name went bad");
    index_.mark_obsolete(id);
    d.add_unreadable_ghost();
    return {};
  }
  drop_idle_removal(d, i);
  if (index_.ref(id).obsolete()) return {};
  (void)TRY(copy_verbatim(id));
  return {};
}

Result<> Volume::move_xattr(RefId id) {
  std::vector<u8> bytes(index_.ref(id).room());
  TRY_VOID(medium_.read(index_.ref(id).offset(), bytes));
  auto x = decode_xref(bytes, order_);
  auto datum = decode_xattr(bytes, order_);
  if (!x && (!datum || pad4(datum->size()) != bytes.size())) {
    damaged(id, "extended attribute went bad");
    index_.mark_obsolete(id);
    return {};
  }
  if (x) {
    auto it = xrefs_.find({x->ino.value(), x->xid.value()});
    if (it == xrefs_.end() || it->second.ref != id || ((x->seqno & 1) != 0 && it->second.ghosts == 0)) {
      index_.mark_obsolete(id);
      if (it != xrefs_.end() && it->second.ref == id) xrefs_.erase(it);
      return {};
    }
  }
  (void)TRY(copy_verbatim(id));
  return {};
}

void Volume::drop_idle_removal(Directory& d, u32 i) {
  const auto& e = d.entry(i);
  if (e.ino != kNoIno || e.ref == kNoRef || d.has_ghost(e.hash)) return;
  index_.mark_obsolete(e.ref);
  d.forget(i);
}

void Volume::before_erase(BlockIndex b) {
  // Ghosts go with their block.
  std::vector<u8> bytes;
  for (const NodeRef& r : index_.block(b).refs) {
    if (!r.obsolete()) continue;
    if (r.kind() == RefKind::dirent && r.owner() != kNoSlot) {
      auto it = loaded_.find(index_.slot(r.owner()).ino);
      if (it == loaded_.end() || !it->second->directory) continue;
      bytes.resize(r.room());
      if (!medium_.read(r.offset(), bytes)) continue;
      auto n = decode_dirent(bytes, order_);
      if (!n || n->ino == kNoIno) continue;
      Directory& d = *it->second->directory;
      d.remove_ghost(name_hash(n->name));
      if (u32 i = d.find(n->name); i != Directory::kNone) drop_idle_removal(d, i);
    } else if (r.kind() == RefKind::xref) {
      bytes.resize(r.room());
      if (!medium_.read(r.offset(), bytes)) continue;
      auto n = decode_xref(bytes, order_);
      auto it = n ? xrefs_.find({n->ino.value(), n->xid.value()}) : xrefs_.end();
      if (it == xrefs_.end() || it->second.ghosts == 0 || --it->second.ghosts != 0) continue;
      if ((it->second.seqno & 1) == 0) continue;
      index_.mark_obsolete(it->second.ref);
      xrefs_.erase(it);
    }
  }
}

Result<bool> Volume::gc_step() {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  if (read_only_) return err(EROFS);
  trim_cache();
  return step(true);
}

Result<> Volume::gc_all() {
  // Each block can gain once; more means that collecting only shifts things about.
  u64 limit;
  {
    LockGuard guard(lock_);
    limit = log_.erased_blocks() + 2 * u64{index_.block_count()};
  }
  for (;;) {
    LockGuard guard(lock_);
    TRY_VOID(usable());
    if (read_only_) return err(EROFS);
    trim_cache();
    if (log_.erased_blocks() >= limit || !TRY(step(false))) return {};
  }
}

}  // namespace quire::jffs2
