// Mount, second half: from scanned nodes to the index. Names are resolved (the newest version of each
// wins), the tree is walked from the root, and what it does not reach is dropped.

#include <algorithm>
#include <unordered_map>

#include "jffs2/fs/volume.h"

namespace quire::jffs2 {

namespace {
constexpr u32 kLeastBlocks = 5;
constexpr unsigned kMostScanThreads = 8;
}  // namespace

struct Volume::FoundName {
  Ino dir{};
  u32 hash = 0;
  Version version{};
  Ino ino{};
  RefId ref = kNoRef;
  RefId first = kNoRef;  ///< the earliest stamped copy of this very dirent: collection moves dirents about
  u32 name_at = 0;       ///< in MountScan::bytes
  u8 name_length = 0;
  FileType type = FileType::unknown;
  bool lost = false;  ///< not the one that counts
};

struct Volume::MountScan {
  std::vector<FoundName> names;
  std::vector<char> bytes;  ///< of the names
  std::vector<std::pair<RefId, ScannedNode>> xattrs;
  std::vector<FoundName*> set_aside;  ///< of a directory with several names, all but the newest
  std::vector<BlockIndex> odd;        ///< damaged, or without the front that a whole erase leaves
  u32 last_sequence = 0;
  bool ended = false;  ///< OpenWrt's end marker was met: what lies behind is left over
  bool any_node = false;
  bool any_marker = false;
  bool any_content = false;
  bool read_only = false;  ///< a node forbids writing

  std::string_view name(const FoundName& n) const { return {bytes.data() + n.name_at, n.name_length}; }
};

bool Volume::written_later(RefId a, RefId b) const {
  u32 sa = index_.block(index_.block_of(a)).sequence;
  u32 sb = index_.block(index_.block_of(b)).sequence;
  return sa != sb ? sa > sb : a > b;
}

Result<> Volume::build(std::vector<BlockIndex>& odd) {
  ScanOptions options{
      .order = order_, .threads = options_.scan_threads, .ignore_summaries = options_.ignore_summaries};
  if (options.threads == 0)
    options.threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMostScanThreads);
  index_.find_or_add(kRootIno);
  index_.slot(index_.find(kRootIno)).parent = kRootIno;
  MountScan found;
  auto take = [&](BlockIndex b, BlockScan& scan) REQUIRES(lock_) { return take_block(b, scan, found); };
  TRY_VOID(scan_blocks(device_, options, take));
  if (!found.any_node && !found.any_marker && found.any_content) return err(EINVAL);
  if (found.read_only) note("node types that allow reading only: mounted read-only");
  read_only_ = options_.read_only || device_.read_only() || found.read_only;
  if (!read_only_ && index_.block_count() < kLeastBlocks) return err(EINVAL);
  log_.set_sequence(found.last_sequence);

  resolve_names(found);
  settle_double_directories(found);
  walk_tree(found);
  resolve_xattrs(found.xattrs);
  index_.shrink();
  odd = std::move(found.odd);
  return {};
}

Result<> Volume::take_block(BlockIndex b, BlockScan& scan, MountScan& found) {
  found.ended |= scan.end_of_image;
  if (found.ended && scan.kind != BlockScan::Kind::bad) {
    scan.clear();
    scan.kind = BlockScan::Kind::unmarked;
  }
  if (scan.incompatible) return err(ENOTSUP);
  found.read_only |= scan.read_only;
  found.any_marker |= scan.marker || scan.sequence != 0;
  found.any_content |= scan.kind == BlockScan::Kind::content || scan.damaged != 0;
  found.any_node |= !scan.nodes.empty();
  found.last_sequence = std::max(found.last_sequence, scan.sequence);
  if (scan.damaged != 0 || !scan.front) found.odd.push_back(b);
  counters_.damaged_nodes += scan.damaged;
  counters_.unknown_nodes += scan.unknown;
  counters_.summaries_used += scan.summary ? 1 : 0;

  Block& block = index_.block(b);
  block.sequence = scan.sequence;
  block.summary = scan.summary;
  switch (scan.kind) {
    case BlockScan::Kind::erased:
      log_.add_free(b, true);
      return {};
    case BlockScan::Kind::bad:
      block.state = BlockState::bad;
      index_.count_unusable();
      break;
    case BlockScan::Kind::unmarked:
      block.state = BlockState::erase_pending;
      break;
    case BlockScan::Kind::content:
      block.state = BlockState::used;
      break;
  }
  block.wasted = std::min(scan.wasted, device_.geometry().erase_size);
  block.dirty = device_.geometry().erase_size - block.wasted;
  add_nodes(b, scan, found);
  return {};
}

void Volume::add_nodes(BlockIndex b, const BlockScan& scan, MountScan& found) {
  u32 start = static_cast<u32>(device_.geometry().block_start(b));
  index_.block(b).refs.reserve(scan.nodes.size());
  u32 names_at = static_cast<u32>(found.bytes.size());
  found.bytes.insert(found.bytes.end(), scan.names.begin(), scan.names.end());
  // Neighbours are mostly of one inode.
  Ino last_owner = kNoIno;
  Slot last_slot = kNoSlot;
  for (const ScannedNode& n : scan.nodes) {
    Slot slot = kNoSlot;
    bool owned = n.kind == RefKind::inode || n.kind == RefKind::dirent;
    if (owned) {
      Ino owner = n.kind == RefKind::dirent ? n.pino : n.ino;
      if (owner == kNoIno) continue;  // nothing can name it
      if (owner != last_owner) last_slot = index_.find_or_add(owner);
      last_owner = owner;
      slot = last_slot;
      highest_ino_ = std::max({highest_ino_, n.ino, owner});
    }
    RefId id = index_.add(b, NodeRef(start + n.offset, n.length, n.kind, slot), &Block::dirty, false);
    if (owned) index_.link(id);
    if (n.kind == RefKind::dirent)
      found.names.push_back({.dir = n.pino,
                             .hash = name_hash(scan.name(n)),
                             .version = n.version,
                             .ino = n.ino,
                             .ref = id,
                             .name_at = names_at + n.name_at,
                             .name_length = n.name_length,
                             .type = n.file_type});
    else if (n.kind == RefKind::xattr || n.kind == RefKind::xref)
      found.xattrs.emplace_back(id, n);
  }
}

void Volume::resolve_names(MountScan& found) {
  std::vector<FoundName>& names = found.names;
  std::ranges::sort(names, [&](const FoundName& a, const FoundName& b) REQUIRES(lock_) {
    if (a.dir != b.dir) return a.dir < b.dir;
    if (a.hash != b.hash) return a.hash < b.hash;
    if (int order = found.name(a).compare(found.name(b)); order != 0) return order < 0;
    if (a.version != b.version) return a.version < b.version;
    return written_later(b.ref, a.ref);
  });
  auto same = [&](const FoundName& a, const FoundName& b) {
    return a.dir == b.dir && a.hash == b.hash && found.name(a) == found.name(b);
  };
  for (std::size_t i = 0; i < names.size();) {
    bool ghosts = false;
    std::size_t last = i;
    std::size_t earliest = i;
    auto stamped = [&](std::size_t n)
                       REQUIRES(lock_) { return index_.block(index_.block_of(names[n].ref)).sequence != 0; };
    for (; last + 1 < names.size() && same(names[last + 1], names[i]); last++) {
      ghosts |= names[last].ino != kNoIno;
      // A copy in a block that lost its stamp (its erase was cut) would tell a false time.
      if (names[last + 1].version != names[last].version || !stamped(earliest)) earliest = last + 1;
      names[last].lost = true;
      index_.mark_obsolete(names[last].ref);
    }
    names[last].first = names[earliest].ref;
    // A removal with nothing left to remove is of no more use.
    if (names[last].ino == kNoIno && !ghosts) {
      names[last].lost = true;
      index_.mark_obsolete(names[last].ref);
    }
    i = last + 1;
  }
}

void Volume::settle_double_directories(MountScan& found) {
  // A directory has one name; a rename that was cut leaves two. Of the two in one directory the later
  // version is the new name; across directories it is what was written later (recovery settles this
  // before it copies anything), which in others' images only the times of the dirents can tell.
  std::vector<FoundName*> dirs;
  for (FoundName& n : found.names)
    if (!n.lost && n.ino != kNoIno && n.type == FileType::dir) dirs.push_back(&n);
  std::ranges::sort(dirs, [](const FoundName* a, const FoundName* b) { return a->ino < b->ino; });
  auto time_of = [&](const FoundName& n) REQUIRES(lock_) {
    const NodeRef& r = index_.ref(n.ref);
    auto bytes = medium_.look(r.offset(), r.length(), scratch_);
    auto d = bytes ? decode_dirent(*bytes, order_) : std::nullopt;
    return d ? d->mctime : 0;
  };
  auto newer = [&](const FoundName& a, const FoundName& b) REQUIRES(lock_) {
    if (a.dir == b.dir) return a.version > b.version;
    bool ours = index_.block(index_.block_of(a.first)).sequence != 0 &&
                index_.block(index_.block_of(b.first)).sequence != 0;
    if (ours) return written_later(a.first, b.first);
    u32 ta = time_of(a), tb = time_of(b);
    return ta != tb ? ta > tb : written_later(a.first, b.first);
  };
  for (std::size_t i = 0; i < dirs.size();) {
    FoundName* best = dirs[i];
    std::size_t j = i + 1;
    for (; j < dirs.size() && dirs[j]->ino == dirs[i]->ino; j++)
      if (newer(*dirs[j], *best)) best = dirs[j];
    for (std::size_t k = i; k < j; k++) {
      if (dirs[k] == best) continue;
      dirs[k]->lost = true;
      found.set_aside.push_back(dirs[k]);
    }
    i = j;
  }
}

void Volume::walk_tree(MountScan& found) {
  std::vector<FoundName>& names = found.names;
  auto has_inode = [&](Slot s) REQUIRES(lock_) {
    for (RefId id = index_.slot(s).head; id != kNoRef; id = index_.ref(id).next())
      if (index_.ref(id).kind() == RefKind::inode) return true;
    return false;
  };
  // Breadth first from the root: cycles are not reached, and neither is what hangs on dead names.
  std::vector<Ino> queue{kRootIno};
  auto enter = [&](const FoundName& n) REQUIRES(lock_) {
    index_.slot(index_.find(n.ino)).parent = n.dir;
    index_.slot(index_.find(n.dir)).links++;
    queue.push_back(n.ino);
  };
  std::size_t at = 0;
  auto walk_on = [&]() REQUIRES(lock_) {
    for (; at < queue.size(); at++) {
      auto first = std::ranges::lower_bound(names, queue[at], {}, &FoundName::dir);
      for (; first != names.end() && first->dir == queue[at]; ++first) {
        if (first->lost || first->ino == kNoIno) continue;
        Slot child = index_.find(first->ino);
        bool exists = child != kNoSlot && first->ino != kRootIno && has_inode(child);
        if (exists && first->type == FileType::dir && index_.slot(child).parent != kNoIno) exists = false;
        if (!exists) {
          index_.mark_obsolete(first->ref);
          first->lost = true;
        } else if (first->type == FileType::dir) {
          enter(*first);
        } else {
          index_.slot(child).links++;
        }
      }
    }
  };
  walk_on();
  // The newest name may be one that was left in a directory since removed: then another counts.
  std::ranges::sort(found.set_aside, {}, &FoundName::dir);
  for (std::size_t k = 0; k < queue.size() && !found.set_aside.empty(); k++) {
    for (FoundName* n : std::ranges::equal_range(found.set_aside, queue[k], {}, &FoundName::dir)) {
      Slot child = index_.find(n->ino);
      if (child == kNoSlot || index_.slot(child).parent != kNoIno || !has_inode(child)) continue;
      n->lost = false;
      enter(*n);
      walk_on();
    }
  }
  drop_second_names(found);
  std::vector<Slot> dead;
  index_.each_inode([&](Slot s) NO_THREAD_SAFETY_ANALYSIS {
    const InodeSlot& inode = index_.slot(s);
    if (inode.parent == kNoIno && inode.links == 0) dead.push_back(s);
  });
  for (Slot s : dead) {
    if (has_inode(s)) counters_.orphans++;
    index_.drop_inode(s);
  }
}

void Volume::drop_second_names(MountScan& found) {
  if (found.set_aside.empty()) return;
  std::unordered_map<Ino, const FoundName*> winners;
  for (const FoundName& n : found.names)
    if (!n.lost && n.ino != kNoIno && n.type == FileType::dir) winners.emplace(n.ino, &n);
  for (const FoundName* n : found.set_aside) {
    if (!n->lost) continue;
    index_.mark_obsolete(n->ref);
    Slot dir = index_.find(n->dir);
    auto winner = winners.find(n->ino);
    // A name in a directory that is gone goes with it.
    if (dir == kNoSlot || index_.slot(dir).parent == kNoIno || winner == winners.end()) continue;
    std::string name(found.name(*n));
    note("directory with two names: \"" + name + "\" is dropped");
    losers_.push_back(
        {n->dir, std::move(name), winner->second->dir, std::string(found.name(*winner->second))});
  }
}

void Volume::resolve_xattrs(std::vector<std::pair<RefId, ScannedNode>>& nodes) {
  std::ranges::sort(nodes, [&](const auto& a, const auto& b) REQUIRES(lock_) {
    if (a.second.version != b.second.version) return a.second.version < b.second.version;
    return written_later(b.first, a.first);
  });
  for (const auto& [id, n] : nodes) {
    highest_xid_ = std::max(highest_xid_, n.xid.value());
    if (n.kind == RefKind::xattr) {
      Datum& d = data_[n.xid.value()];
      if (d.ref != kNoRef) index_.mark_obsolete(d.ref);
      d.ref = id;
    } else {
      highest_xseqno_ = std::max(highest_xseqno_, n.version.value());
      Xref& x = xrefs_[{n.ino.value(), n.xid.value()}];
      if (x.ref != kNoRef) {
        index_.mark_obsolete(x.ref);
        x.ghosts++;
      }
      x.ref = id;
      x.seqno = n.version.value();
    }
  }
  for (auto it = xrefs_.begin(); it != xrefs_.end();) {
    const auto& [key, x] = *it;
    auto datum = data_.find(key.second);
    bool removed = (x.seqno & 1) != 0;
    bool dead = index_.find(Ino(key.first)) == kNoSlot || (removed ? x.ghosts == 0 : datum == data_.end());
    if (dead)
      index_.mark_obsolete(x.ref);
    else if (!removed)
      datum->second.users++;
    it = dead ? xrefs_.erase(it) : std::next(it);
  }
  std::erase_if(data_, [&](const auto& entry) REQUIRES(lock_) {
    if (entry.second.users == 0) index_.mark_obsolete(entry.second.ref);
    return entry.second.users == 0;
  });
}

}  // namespace quire::jffs2
