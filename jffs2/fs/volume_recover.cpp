// What a power cut leaves, put right at the next writing mount, before anybody can see it:
//
// - A stamped block without a summary was being written. Its tail may read otherwise after the next
//   power-up, so its live nodes are copied and it is erased.
// - A block with ones but no cleanmarker, or with damage, or without the cleanmarker in front of its
//   nodes: an erase was cut. The same.
// - A directory with two names: a rename was cut between its two dirents. The older name is removed.
//
// Nothing gets a new version here: a node rewritten with the size that an unstable node brought, and
// that node then gone, would bring truncated bytes back. Partly live nodes are copied whole.
//
// Cuts in here are harmless. A copy has the version of its original, and of two equal versions the one
// in the block stamped later counts. Nothing is erased before all is copied: what makes one block's
// nodes obsolete may lie on the unstable tail of another. (Where free blocks are short, some must be.)
// And what was on one NAND page when power failed is copied in its order, superseded nodes too, so that
// a cut between the copies shows an earlier state, and never a removal without the name that it was
// made for.

#include <algorithm>

#include "jffs2/codec/crc.h"
#include "jffs2/flash/erased.h"
#include "jffs2/fs/volume.h"

namespace quire::jffs2 {
namespace {
/// A power cut leaves one half-erased block, recoveries cut in turn a few. More, and the writer of
/// the image simply makes blocks without cleanmarkers.
constexpr std::size_t kMostUnmarked = 4;
}  // namespace

Result<> Volume::recover(const std::vector<BlockIndex>& odd) {
  std::vector<BlockIndex> half_erased, nothing_live, suspect, unmarked;
  for (u32 i = 0; i < index_.block_count(); i++) {
    BlockIndex b(i);
    const Block& block = index_.block(b);
    if (block.state == BlockState::erase_pending) {
      half_erased.push_back(b);
    } else if (block.state == BlockState::used) {
      bool was_open = block.sequence != 0 && !block.summary;
      bool is_odd = std::ranges::binary_search(odd, b);
      if ((was_open || is_odd) && block.live() == 0)
        nothing_live.push_back(b);
      else if (was_open)
        suspect.push_back(b);
      else if (is_odd)
        unmarked.push_back(b);
    }
  }
  if (unmarked.size() <= kMostUnmarked) suspect.insert(suspect.end(), unmarked.begin(), unmarked.end());
  TRY_VOID(erase_all(half_erased));
  if (log_.free_blocks() == 0) TRY_VOID(erase_all(nothing_live));
  settle_losers();
  // The copies that an earlier recovery had made lie in the block stamped later, and come first.
  std::ranges::sort(suspect, [&](BlockIndex a, BlockIndex b) REQUIRES(lock_) {
    return index_.block(a).sequence > index_.block(b).sequence;
  });
  std::vector<BlockIndex> done = std::move(nothing_live);
  recovering_ = true;
  for (BlockIndex b : suspect) {
    auto r = copy_out(b);
    if (!r && r.error() == Errno(ENOSPC) && !done.empty()) {
      TRY_VOID(erase_all(done));
      r = copy_out(b);
    }
    if (!r && r.error() == Errno(ENOSPC)) {
      note("no free block to move what was written last; a further power cut may lose it");
      break;
    }
    if (!r) {
      recovering_ = false;
      fail_read_only("recovery failed");
      return {};
    }
    done.push_back(b);
  }
  recovering_ = false;
  TRY_VOID(log_.flush());
  return erase_all(done);
}

Result<> Volume::erase_all(std::vector<BlockIndex>& blocks) {
  for (BlockIndex b : blocks) TRY_VOID(log_.erase(b));
  blocks.clear();
  return {};
}

/// Before anything else is copied, for which of two names is the newer is told by where they lie; and
/// only once the newer one is on stable ground, or a cut could cost both.
void Volume::settle_losers() {
  for (const Loser& loser : losers_) {
    auto winner_dir = load_dir(loser.winner_dir), dir = load_dir(loser.dir);
    if (!winner_dir || !dir) continue;
    u32 winner = (*winner_dir)->directory->find_live(loser.winner);
    if (winner == Directory::kNone) continue;
    if (!copy_verbatim((*winner_dir)->directory->entry(winner).ref) || !log_.flush()) break;
    if (!set_name(**dir, loser.name, kNoIno, FileType::unknown, Purpose::collection)) break;
  }
  losers_.clear();
}

Result<> Volume::copy_out(BlockIndex b) {
  const u64 tail = last_page_of(b);
  for (u32 i = 0; i < index_.block(b).refs.size(); i++) {
    RefId id = index_.id(b, i);
    const NodeRef& r = index_.ref(id);
    bool on_tail = r.offset() + u64{r.room()} > tail;
    // Loading tells which nodes of an inode still show.
    if (on_tail && !r.obsolete() && r.kind() == RefKind::inode)
      (void)load(index_.slot(r.owner()).ino).has_value();
    if (!r.obsolete())
      TRY_VOID(move(id));
    else if (on_tail)
      TRY_VOID(copy_superseded(id));
    else
      continue;
    counters_.gc_moved_nodes++;
  }
  return {};
}

u64 Volume::last_page_of(BlockIndex b) {
  const Geometry& g = device_.geometry();
  u64 start = g.block_start(b), end = start + g.erase_size;
  if (!g.is_nand()) return end;
  std::vector<u8> page(g.page_size);
  for (u64 at = end - g.page_size; at > start; at -= g.page_size)
    if (medium_.read(at, page) && !is_erased(page)) return at;
  return start;
}

bool Volume::counts_elsewhere(const NodeRef& node, std::span<const u8> bytes) {
  if (auto n = decode_inode(bytes, order_)) {
    RefId id = node.owner() == kNoSlot ? kNoRef : index_.slot(node.owner()).head;
    for (; id != kNoRef; id = index_.ref(id).next()) {
      if (index_.ref(id).kind() != RefKind::inode || index_.ref(id).obsolete()) continue;
      if (auto other = read_header(id); other && other->version == n->version) return true;
    }
    return false;
  }
  RefId twin = kNoRef;
  if (auto d = decode_dirent(bytes, order_)) {
    auto dir = load_dir(d->pino);
    u32 i = dir ? (*dir)->directory->find(d->name) : Directory::kNone;
    if (i != Directory::kNone) twin = (*dir)->directory->entry(i).ref;
  } else if (auto x = decode_xref(bytes, order_)) {
    if (auto it = xrefs_.find({x->ino.value(), x->xid.value()}); it != xrefs_.end()) twin = it->second.ref;
  } else if (auto a = decode_xattr(bytes, order_)) {
    if (auto it = data_.find(a->xid.value()); it != data_.end()) twin = it->second.ref;
  }
  if (twin == kNoRef) return false;
  std::vector<u8> other(index_.ref(twin).room());
  return medium_.read(index_.ref(twin).offset(), other) && std::ranges::equal(bytes, other);
}

Result<> Volume::copy_superseded(RefId id) {
  NodeRef old = index_.ref(id);
  std::vector<u8> bytes(old.room());
  TRY_VOID(medium_.read(old.offset(), bytes));
  auto entry = entry_of_node(bytes, order_);
  auto inode = decode_inode(bytes, order_);
  bool same_length = entry && (old.kind() == RefKind::xref || entry->totlen == old.length());
  bool whole =
      same_length && (!inode || crc32(std::span(bytes).subspan(kInodeSize, inode->csize)) == inode->data_crc);
  if (!whole || counts_elsewhere(old, bytes)) return {};
  (void)TRY(log_.prepare(old.room(), old.summary_bytes(), Purpose::collection));
  RefId now = TRY(log_.append(bytes, old.kind(), old.owner(), *entry, Purpose::collection));
  index_.mark_obsolete(now);
  if (auto d = decode_dirent(bytes, order_); d && d->ino != kNoIno) {
    if (auto it = loaded_.find(d->pino); it != loaded_.end() && it->second->directory)
      it->second->directory->add_ghost(name_hash(d->name));
  } else if (auto x = decode_xref(bytes, order_)) {
    if (auto it = xrefs_.find({x->ino.value(), x->xid.value()}); it != xrefs_.end()) it->second.ghosts++;
  }
  return {};
}

}  // namespace quire::jffs2
