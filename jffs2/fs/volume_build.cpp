// Mount, second half: from scanned nodes to the index. Names are resolved (the newest version of each
// wins), the tree is walked from the root, and what it does not reach is dropped.

#include <algorithm>

#include "jffs2/fs/volume.h"

namespace quire::jffs2 {

struct Volume::FoundName {
  Ino dir{};
  u32 hash = 0;
  Version version{};
  Ino ino{};
  RefId ref = kNoRef;
  FileType type = FileType::unknown;
  bool lost = false;  ///< not the one that counts
  std::string_view name{};
  RefId first = kNoRef;  ///< the earliest copy of this very dirent: collection moves dirents about
};

bool Volume::written_later(RefId a, RefId b) const {
  u32 sa = index_.block(index_.block_of(a)).sequence;
  u32 sb = index_.block(index_.block_of(b)).sequence;
  return sa != sb ? sa > sb : a > b;
}

Result<> Volume::build(std::vector<BlockScan>& scans) {
  std::vector<FoundName> names;
  std::vector<std::pair<RefId, ScannedNode>> xattr_nodes;
  index_.find_or_add(kRootIno);
  index_.slot(index_.find(kRootIno)).parent = kRootIno;
  add_nodes(scans, names, xattr_nodes);
  resolve_names(names);
  settle_double_directories(names);
  walk_tree(names);
  resolve_xattrs(xattr_nodes);
  index_.shrink();
  return {};
}

void Volume::add_nodes(std::vector<BlockScan>& scans, std::vector<FoundName>& names,
                       std::vector<std::pair<RefId, ScannedNode>>& xattr_nodes) {
  const Geometry& g = device_.geometry();
  std::size_t name_count = 0;
  for (const BlockScan& s : scans)
    name_count += static_cast<std::size_t>(std::ranges::count(s.nodes, RefKind::dirent, &ScannedNode::kind));
  names.reserve(name_count);

  for (u32 i = 0; i < scans.size(); i++) {
    BlockScan& s = scans[i];
    Block& block = index_.block(BlockIndex(i));
    block.sequence = s.sequence;
    block.summary = s.summary;
    counters_.damaged_nodes += s.damaged;
    counters_.unknown_nodes += s.unknown;
    counters_.summaries_used += s.summary ? 1 : 0;
    if (s.kind == BlockScan::Kind::erased) {
      log_.add_free(BlockIndex(i), true);
      continue;
    }
    block.state = s.kind == BlockScan::Kind::bad        ? BlockState::bad
                  : s.kind == BlockScan::Kind::unmarked ? BlockState::erase_pending
                                                        : BlockState::used;
    if (block.state == BlockState::bad) index_.count_unusable();
    block.wasted = std::min(s.wasted, g.erase_size);
    block.dirty = g.erase_size - block.wasted;
    block.refs.reserve(s.nodes.size());
    for (const ScannedNode& n : s.nodes) {
      u32 offset = static_cast<u32>(g.block_start(BlockIndex(i)) + n.offset);
      bool owned = n.kind == RefKind::inode || n.kind == RefKind::dirent;
      Ino owner = n.kind == RefKind::dirent ? n.pino : n.ino;
      if (owned && owner == kNoIno) continue;  // nothing can name it
      Slot slot = owned ? index_.find_or_add(owner) : kNoSlot;
      RefId id = index_.add(NodeRef(offset, n.length, n.kind, slot), &Block::dirty, false);
      highest_ino_ = std::max({highest_ino_, n.ino, owner});
      if (owned) index_.link(id);
      if (n.kind == RefKind::dirent) {
        std::string_view name = s.name(n);
        names.push_back({n.pino, name_hash(name), n.version, n.ino, id, n.file_type, false, name});
      } else if (n.kind == RefKind::xattr || n.kind == RefKind::xref) {
        xattr_nodes.emplace_back(id, n);
      }
    }
    // The nodes have their references now; names are still wanted.
    std::vector<ScannedNode>().swap(s.nodes);
  }
}

void Volume::resolve_names(std::vector<FoundName>& names) {
  std::ranges::sort(names, [&](const FoundName& a, const FoundName& b) REQUIRES(lock_) {
    if (a.dir != b.dir) return a.dir < b.dir;
    if (a.hash != b.hash) return a.hash < b.hash;
    if (a.name != b.name) return a.name < b.name;
    if (a.version != b.version) return a.version < b.version;
    return written_later(b.ref, a.ref);
  });
  auto same = [](const FoundName& a, const FoundName& b) {
    return a.dir == b.dir && a.hash == b.hash && a.name == b.name;
  };
  for (std::size_t i = 0; i < names.size();) {
    bool ghosts = false;
    std::size_t last = i;
    std::size_t earliest = i;
    for (; last + 1 < names.size() && same(names[last + 1], names[i]); last++) {
      ghosts |= names[last].ino != kNoIno;
      if (names[last + 1].version != names[last].version) earliest = last + 1;
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

void Volume::settle_double_directories(std::vector<FoundName>& names) {
  // A directory has one name; a rename that was cut leaves two. Of the two in one directory the later
  // version is the new name; across directories it is what was written later (recovery settles this
  // before it copies anything), which in others' images only the times of the dirents can tell.
  std::vector<FoundName*> dirs;
  for (FoundName& n : names)
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
      index_.mark_obsolete(dirs[k]->ref);
      losers_.push_back({dirs[k]->dir, std::string(dirs[k]->name), best->dir, std::string(best->name)});
      note("directory with two names: \"" + std::string(dirs[k]->name) + "\" is dropped");
    }
    i = j;
  }
}

void Volume::walk_tree(std::vector<FoundName>& names) {
  auto has_inode = [&](Slot s) REQUIRES(lock_) {
    for (RefId id = index_.slot(s).head; id != kNoRef; id = index_.ref(id).next())
      if (index_.ref(id).kind() == RefKind::inode) return true;
    return false;
  };
  // Breadth first from the root: cycles are not reached, and neither is what hangs on dead names.
  std::vector<Ino> queue{kRootIno};
  for (std::size_t at = 0; at < queue.size(); at++) {
    auto first = std::ranges::lower_bound(names, queue[at], {}, &FoundName::dir);
    for (; first != names.end() && first->dir == queue[at]; ++first) {
      if (first->lost || first->ino == kNoIno) continue;
      Slot child = index_.find(first->ino);
      bool exists = child != kNoSlot && first->ino != kRootIno && has_inode(child);
      if (exists && first->type == FileType::dir && index_.slot(child).parent != kNoIno) exists = false;
      if (!exists) {
        index_.mark_obsolete(first->ref);
        first->lost = true;
        continue;
      }
      if (first->type == FileType::dir) {
        index_.slot(child).parent = queue[at];
        index_.slot(index_.find(queue[at])).links++;
        queue.push_back(first->ino);
      } else {
        index_.slot(child).links++;
      }
    }
  }
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
