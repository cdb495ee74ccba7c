// An inode from its nodes. Data CRCs are looked at here, once, when the inode is first used; a node
// whose CRC is wrong becomes obsolete, and what it hid shows again.

#include <algorithm>

#include "jffs2/codec/crc.h"
#include "jffs2/fs/volume.h"

namespace quire::jffs2 {
namespace {
constexpr u64 kLeastCache = 256 << 10;
/// With what the allocator adds it comes to about 30.
constexpr u64 kCachePerNode = 16;
/// Inodes used so lately are never dropped, or a directory larger than the cache would be loaded again
/// for each name looked up.
constexpr u64 kKeptUses = 64;
}  // namespace

void Volume::damaged(RefId id, const char* what) {
  counters_.damaged_nodes++;
  note(std::string(what) + " at " + std::to_string(index_.ref(id).offset()));
}

Result<InodeNode> Volume::read_header(RefId id) {
  const NodeRef& r = index_.ref(id);
  auto bytes = TRY(medium_.look(r.offset(), std::min(r.length(), kInodeSize), scratch_));
  auto n = decode_inode(bytes, order_);
  if (!n || n->size() != r.length()) return err(EIO);
  return *n;
}

Result<> Volume::read_data(RefId id, const InodeNode& node, std::span<u8> out) {
  auto stored = TRY(medium_.look(index_.ref(id).offset() + kInodeSize, node.csize, scratch_));
  if (crc32(stored) != node.data_crc) return err(EIO);
  return decompress(node.compression, stored, out);
}

Result<Inode*> Volume::load(Ino ino) {
  if (auto it = loaded_.find(ino); it != loaded_.end()) {
    it->second->last_use = ++use_clock_;
    return it->second.get();
  }
  Slot slot = index_.find(ino);
  if (slot == kNoSlot) return err(ENOENT);
  auto inode = std::make_unique<Inode>();
  inode->ino = ino;
  inode->slot = slot;
  inode->last_use = ++use_clock_;
  TRY_VOID(read_nodes(*inode));
  count_memory(*inode);
  return loaded_.emplace(ino, std::move(inode)).first->second.get();
}

Result<Inode*> Volume::load_dir(Ino ino) {
  Inode* inode = TRY(load(ino));
  if (!inode->is_dir()) return err(ENOTDIR);
  return inode;
}

Result<> Volume::read_nodes(Inode& inode) {
  struct Found {
    InodeNode node;
    RefId ref;
  };
  struct FoundEntry {
    Version version;
    Ino ino;
    RefId ref;
    u32 mctime;
    FileType type;
    std::string name;
  };
  std::vector<Found> found;
  std::vector<FoundEntry> entries;
  inode.highest = Version(0);
  auto directory = std::make_unique<Directory>();

  for (RefId id = index_.slot(inode.slot).head; id != kNoRef; id = index_.ref(id).next()) {
    const NodeRef& r = index_.ref(id);
    if (r.kind() == RefKind::inode) {
      auto n = read_header(id);
      if (!n || n->ino != inode.ino) {
        if (!r.obsolete()) damaged(id, "damaged inode node");
        index_.mark_obsolete(id);
        continue;
      }
      inode.highest = std::max(inode.highest, n->version);
      if (r.obsolete()) continue;
      if (!r.checked()) {
        auto data = medium_.look(r.offset() + kInodeSize, n->csize, scratch_);
        if (!data || crc32(*data) != n->data_crc) {
          damaged(id, "damaged data");
          index_.mark_obsolete(id);
          continue;
        }
        index_.mark_checked(id);
      }
      found.push_back({*n, id});
    } else {
      auto bytes = medium_.look(r.offset(), r.length(), scratch_);
      auto d = bytes ? decode_dirent(*bytes, order_) : std::nullopt;
      if (!d || d->pino != inode.ino || d->size() != r.length()) {
        if (!r.obsolete()) damaged(id, "damaged name");
        index_.mark_obsolete(id);
        directory->add_unreadable_ghost();
        continue;
      }
      inode.highest = std::max(inode.highest, d->version);
      if (r.obsolete()) {
        if (d->ino != kNoIno) directory->add_ghost(name_hash(d->name));
        continue;
      }
      index_.mark_checked(id);
      entries.push_back({d->version, d->ino, id, d->mctime, d->type, std::string(d->name)});
    }
  }

  auto by_age = [&](const auto& version, RefId ref, const auto& other_version,
                    RefId other_ref) REQUIRES(lock_) {
    return version != other_version ? version < other_version : written_later(other_ref, ref);
  };
  std::ranges::sort(found, [&](const Found& a, const Found& b) REQUIRES(lock_) {
    return by_age(a.node.version, a.ref, b.node.version, b.ref);
  });
  // Of the copies of one node the last stays.
  for (std::size_t i = 0; i + 1 < found.size(); i++)
    if (found[i].node.version == found[i + 1].node.version) index_.mark_obsolete(found[i].ref);
  std::erase_if(found, [&](const Found& f) REQUIRES(lock_) { return index_.ref(f.ref).obsolete(); });

  if (found.empty()) {
    if (inode.ino != kRootIno) return err(EIO);
    inode.mode = S_IFDIR | 0755;  // mkfs writes no root inode
  } else {
    const InodeNode& n = found.back().node;
    inode.mode = n.mode;
    inode.uid = n.uid;
    inode.gid = n.gid;
    inode.size = n.isize;
    inode.atime = n.atime;
    inode.mtime = n.mtime;
    inode.ctime = n.ctime;
    if (inode.ino == kRootIno && !inode.is_dir()) return err(EIO);
  }
  Version newest = found.empty() ? Version(0) : found.back().node.version;
  inode.metadata = kNoRef;
  inode.fragments.clear();
  inode.directory.reset();

  if (inode.is_reg()) {
    std::vector<Fragments::Candidate> candidates;
    for (std::size_t i = 0; i < found.size(); i++)
      if (found[i].node.dsize != 0)
        candidates.push_back({found[i].node.offset, found[i].node.dsize, i, found[i].ref});
    inode.fragments.build(candidates);
    std::vector<RefId> dropped;
    inode.fragments.truncate(inode.size, dropped);
    inode.fragments.shrink();
    std::vector<RefId> showing;
    showing.reserve(inode.fragments.size());
    for (const Fragment& f : inode.fragments) showing.push_back(f.ref);
    std::ranges::sort(showing);
    for (const Found& f : found) {
      if (std::ranges::binary_search(showing, f.ref)) continue;
      if (f.ref == found.back().ref)
        inode.metadata = f.ref;
      else
        index_.mark_obsolete(f.ref);
    }
    return {};
  }
  for (const Found& f : found)
    if (f.ref == found.back().ref)
      inode.metadata = f.ref;
    else
      index_.mark_obsolete(f.ref);
  if (!inode.is_dir()) return {};

  std::ranges::sort(entries, [&](const FoundEntry& a, const FoundEntry& b)
                                 REQUIRES(lock_) { return by_age(a.version, a.ref, b.version, b.ref); });
  for (const FoundEntry& e : entries) {
    u32 before = directory->find(e.name);
    bool was_live = before != Directory::kNone && directory->entry(before).ino != kNoIno;
    RefId old = directory->set(e.name, e.ino, e.type, e.ref);
    if (old != kNoRef) index_.mark_obsolete(old);
    if (was_live) directory->add_ghost(name_hash(e.name));
    if (e.version > newest) inode.mtime = inode.ctime = e.mctime;
  }
  for (u32 i = 0; i < directory->size(); i++) drop_idle_removal(*directory, i);
  directory->shrink();
  inode.directory = std::move(directory);
  return {};
}

Result<> Volume::reload(Inode& inode) {
  auto r = read_nodes(inode);
  count_memory(inode);
  return r;
}

void Volume::count_memory(Inode& inode) {
  u64 now_bytes = inode.memory();
  loaded_memory_ += now_bytes - inode.counted_memory;
  inode.counted_memory = now_bytes;
}

void Volume::forget_loaded(Ino ino) {
  auto it = loaded_.find(ino);
  if (it == loaded_.end()) return;
  loaded_memory_ -= it->second->counted_memory;
  loaded_.erase(it);
}

void Volume::trim_cache() {
  u64 budget = options_.cache_bytes;
  if (budget == 0) budget = std::max(kLeastCache, kCachePerNode * index_.live_nodes());
  if (loaded_memory_ <= budget) return;
  std::vector<Inode*> idle;
  for (auto& [ino, inode] : loaded_)
    if (inode->opens == 0 && inode->last_use + kKeptUses < use_clock_) idle.push_back(inode.get());
  std::ranges::sort(idle, {}, &Inode::last_use);
  for (Inode* inode : idle) {
    if (loaded_memory_ <= budget / 4 * 3) break;
    forget_loaded(inode->ino);
  }
}

}  // namespace quire::jffs2
