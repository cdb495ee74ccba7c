// Making nodes, and the room for them.

#include <algorithm>
#include <chrono>
#include <cstring>

#include "jffs2/fs/volume.h"

namespace quire::jffs2 {
namespace {

/// Least file bytes worth a node of their own at the end of a block.
constexpr u32 kLeastData = 128;
constexpr u32 kInodeEntry = 18;

bool all_zero(std::span<const u8> bytes) {
  return !bytes.empty() && bytes[0] == 0 &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

u64 Volume::capacity(Purpose purpose) const {
  const Geometry& g = device_.geometry();
  u32 good = index_.block_count() - index_.unusable_blocks();
  // The open block, and what must stay free. NAND loses the rest of a page at each flush.
  u32 kept = 1 + reserve_of(purpose);
  u32 slack = g.is_nand() ? g.page_size : kLeastData;
  if (good <= kept) return 0;
  return u64{good - kept} * (g.erase_size - std::min(g.erase_size, log_.overhead() + slack));
}

bool Volume::tight() const { return log_.free_blocks() <= reserve_of(Purpose::data) + 1; }

Result<> Volume::make_room(u32 need, Purpose purpose) {
  if (read_only_) return err(EROFS);
  if (index_.live_bytes() + need > capacity(purpose)) return err(ENOSPC);

  // Pay for the write with collection in proportion, so that nobody has to pay for many at once.
  u32 trigger = reserve_of(Purpose::data) + std::max<u32>(2, index_.block_count() / 64);
  if (log_.free_blocks() <= trigger) {
    if (log_.free_blocks() <= kBackgroundStarts) wake_.notify_one();
    // A step that has begun is finished, and the write itself takes time too: half the budget is theirs.
    auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(options_.gc_budget_us / 2);
    if (!victim_) victim_ = pick_victim(false);
    if (victim_) {
      i64 gain = std::max<i64>(gain_of(index_.block(*victim_)), device_.geometry().erase_size / 64);
      gc_debt_ += (i64{need} * index_.block(*victim_).live() / gain) * 5 / 4 + need;
    }
    while (gc_debt_ > 0 && std::chrono::steady_clock::now() < deadline) {
      u64 before = moved_bytes_;
      if (!TRY(step(false))) break;
      gc_debt_ -= static_cast<i64>(moved_bytes_ - before) + kInodeSize;
    }
    gc_debt_ = std::min<i64>(gc_debt_, device_.geometry().erase_size);
  }

  // And when it is pressing, until there is room. Collecting the whole chip twice is proof enough.
  u64 give_up = log_.erased_blocks() + 2 * u64{index_.block_count()} + 8;
  while (log_.room(0) < need && log_.free_blocks() <= reserve_of(purpose)) {
    if (log_.erased_blocks() > give_up || !TRY(step(true))) return err(ENOSPC);
  }
  return {};
}

Result<RefId> Volume::put_node(Inode& inode, InodeNode node, std::span<const u8> stored, Purpose purpose) {
  if (inode.highest.value() == ~u32{0}) return err(EIO);
  node.ino = inode.ino;
  node.version = inode.highest + 1;
  node.mode = inode.mode;
  node.uid = inode.uid;
  node.gid = inode.gid;
  node.isize = inode.size;
  node.atime = inode.atime;
  node.mtime = inode.mtime;
  node.ctime = inode.ctime;
  std::vector<u8> bytes;
  bytes.swap(node_);
  bytes.clear();
  encode_inode(bytes, node, stored, order_);
  SummaryEntry entry{.type = NodeType::inode,
                     .totlen = static_cast<u32>(bytes.size()),
                     .ino = node.ino,
                     .version = node.version};
  pad_to_4(bytes);
  (void)TRY(log_.prepare(static_cast<u32>(bytes.size()), kInodeEntry, purpose));
  auto id = log_.append(bytes, RefKind::inode, inode.slot, entry, purpose);
  bytes.swap(node_);
  if (id) inode.highest = node.version;
  return id;
}

Result<RefId> Volume::put_dirent(Inode& dir, std::string_view name, Ino ino, FileType type, Purpose purpose) {
  if (dir.highest.value() == ~u32{0}) return err(EIO);
  DirentNode node{.pino = dir.ino,
                  .version = dir.highest + 1,
                  .ino = ino,
                  .mctime = now(),
                  .type = ino == kNoIno ? FileType::unknown : type,
                  .name = name};
  std::vector<u8> bytes;
  encode_dirent(bytes, node, order_);
  SummaryEntry entry{.type = NodeType::dirent,
                     .totlen = node.size(),
                     .ino = ino,
                     .pino = dir.ino,
                     .version = node.version,
                     .file_type = node.type,
                     .name = name};
  pad_to_4(bytes);
  u32 entry_bytes = summary_entry_size(NodeType::dirent, static_cast<u32>(name.size()));
  (void)TRY(log_.prepare(static_cast<u32>(bytes.size()), entry_bytes, purpose));
  RefId id = TRY(log_.append(bytes, RefKind::dirent, dir.slot, entry, purpose));
  dir.highest = node.version;
  dir.mtime = dir.ctime = node.mctime;
  return id;
}

Result<> Volume::put_metadata(Inode& inode, Purpose purpose) {
  std::vector<u8> data;
  if (!inode.is_reg() && !inode.is_dir()) data = TRY(special_data(inode));
  u32 length = static_cast<u32>(data.size());
  RefId id = TRY(put_node(inode, {.dsize = length}, data, purpose));
  if (inode.metadata != kNoRef) index_.mark_obsolete(inode.metadata);
  inode.metadata = id;
  return {};
}

void Volume::drop_refs(const std::vector<RefId>& dropped) {
  for (RefId id : dropped) index_.mark_obsolete(id);
}

void Volume::lay_over(Inode& inode, RefId ref, u32 start, u32 length) {
  // The new node carries the newest fields too.
  if (inode.metadata != kNoRef) index_.mark_obsolete(std::exchange(inode.metadata, kNoRef));
  std::vector<RefId> dropped;
  inode.fragments.overlay(ref, start, length, dropped);
  drop_refs(dropped);
}

Result<> Volume::put_data(Inode& inode, const InodeNode& node, std::span<const u8> stored, Purpose purpose) {
  // The node tells the size that the file has with it.
  u32 size = inode.size;
  inode.size = std::max(size, node.offset + node.dsize);
  auto id = put_node(inode, node, stored, purpose);
  if (!id) {
    inode.size = size;
    return err(id.error());
  }
  lay_over(inode, *id, node.offset, node.dsize);
  return {};
}

Result<> Volume::put_hole(Inode& inode, u32 start, u32 length, Purpose purpose) {
  return put_data(inode, {.offset = start, .dsize = length, .compression = Compression::zero}, {}, purpose);
}

Result<> Volume::put_range(Inode& inode, u32 start, std::span<const u8> bytes, Purpose purpose) {
  while (!bytes.empty()) {
    // Nodes end where nodes of full size would, so that overwriting replaces whole ones.
    u32 length = options_.max_node_data - start % options_.max_node_data;
    length = static_cast<u32>(std::min<std::size_t>(length, bytes.size()));
    if (all_zero(bytes.first(length))) {
      TRY_VOID(put_hole(inode, start, length, purpose));
    } else {
      Compressed c = compress(bytes.first(length), options_.compression);
      u32 have = log_.room(kInodeEntry);
      if (have < pad4(kInodeSize + static_cast<u32>(c.bytes.size()))) {
        // The rest of the block takes what it can hold.
        u32 least = std::min(length, kLeastData);
        have = TRY(log_.prepare(pad4(kInodeSize + least), kInodeEntry, purpose));
        if (have < pad4(kInodeSize + static_cast<u32>(c.bytes.size()))) {
          length = std::min(length, have - kInodeSize);
          c = compress(bytes.first(length), options_.compression);
        }
      }
      TRY_VOID(
          put_data(inode, {.offset = start, .dsize = length, .compression = c.method}, c.bytes, purpose));
    }
    start += length;
    bytes = bytes.subspan(length);
  }
  return {};
}

}  // namespace quire::jffs2
