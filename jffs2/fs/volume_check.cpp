// check(): everything that must hold, looked at from the outside in.

#include <fmt/format.h>

#include <algorithm>

#include "jffs2/codec/crc.h"
#include "jffs2/fs/volume.h"

namespace quire::jffs2 {

Result<std::vector<Finding>> Volume::check() {
  LockGuard guard(lock_);
  TRY_VOID(usable());
  std::vector<Finding> out;
  auto find = [&](Finding::Kind kind, Ino ino, u64 offset, std::string text) {
    out.push_back({kind, ino, offset, std::move(text)});
  };
  u64 damaged_before = counters_.damaged_nodes;

  // Every inode; names by what they point to.
  std::vector<Ino> all;
  index_.each_inode([&](Slot s) NO_THREAD_SAFETY_ANALYSIS { all.push_back(index_.slot(s).ino); });
  std::ranges::sort(all);
  std::map<Ino, u32> names, subdirectories;
  for (Ino ino : all) {
    trim_cache();
    auto loaded = load(ino);
    if (!loaded) {
      find(Finding::Kind::damaged_node, ino, 0, fmt::format("inode {} cannot be read", ino.value()));
      continue;
    }
    Inode& inode = **loaded;
    if (inode.is_reg()) {
      u64 at = 0;
      for (const Fragment& f : inode.fragments) {
        if (f.start != at) break;
        at = f.end();
      }
      if (at < inode.size)
        find(Finding::Kind::gap_in_file, ino, 0,
             fmt::format("inode {}: nothing covers byte {} on", ino.value(), at));
    }
    if (!inode.directory) continue;
    const Directory& d = *inode.directory;
    for (u32 i = 0; i < d.size(); i++) {
      const auto& e = d.entry(i);
      if (e.ino == kNoIno) continue;
      Slot child = index_.find(e.ino);
      if (child == kNoSlot) {
        find(Finding::Kind::dangling_name, ino, 0,
             fmt::format("\"{}\" names inode {}, which is absent", d.name(i), e.ino.value()));
      } else if (e.type == FileType::dir) {
        subdirectories[ino]++;
        if (index_.slot(child).parent != ino)
          find(Finding::Kind::bad_tree, e.ino, 0,
               fmt::format("directory {} has another parent", e.ino.value()));
      } else {
        names[e.ino]++;
      }
    }
  }
  for (Ino ino : all) {
    const InodeSlot& s = index_.slot(index_.find(ino));
    bool directory = s.parent != kNoIno;
    u32 counted = directory ? subdirectories[ino] : names[ino];
    auto it = loaded_.find(ino);
    bool nameless = it != loaded_.end() && it->second->nameless;
    if (counted != s.links)
      find(Finding::Kind::bad_tree, ino, 0,
           fmt::format("inode {}: {} links, {} counted", ino.value(), s.links, counted));
    if (!directory && counted == 0 && !nameless)
      find(Finding::Kind::orphan_inode, ino, 0, fmt::format("inode {} has no name", ino.value()));
    if (directory && !TRY(is_below(ino, kRootIno)))
      find(Finding::Kind::bad_tree, ino, 0, fmt::format("directory {} is not below the root", ino.value()));
  }

  // Every live node's bytes, and the accounts.
  u64 live_nodes = 0, live_bytes = 0;
  for (u32 i = 0; i < index_.block_count(); i++) {
    Block& b = index_.block(BlockIndex(i));
    u64 start = device_.geometry().block_start(BlockIndex(i));
    u32 live = 0;
    for (u32 k = 0; k < b.refs.size(); k++) {
      const NodeRef& r = b.refs[k];
      if (r.obsolete()) continue;
      live += r.room();
      live_nodes++;
      live_bytes += r.room() + r.summary_bytes();
      if (r.kind() == RefKind::foreign) continue;
      auto bytes = TRY(medium_.look(r.offset(), r.length(), scratch_));
      bool sound = entry_of_node(bytes, order_).has_value();
      if (sound && r.kind() == RefKind::inode)
        sound = crc32(bytes.subspan(kInodeSize)) == decode_inode(bytes, order_)->data_crc;
      if (!sound)
        find(Finding::Kind::damaged_node, kNoIno, r.offset(),
             fmt::format("node at {:#x} is damaged", r.offset()));
      else
        index_.mark_checked(index_.id(BlockIndex(i), k));
    }
    if (live != b.live() ||
        u64{b.used} + b.unchecked + b.dirty + b.wasted + b.free != device_.geometry().erase_size)
      find(Finding::Kind::accounting, kNoIno, start,
           fmt::format("block {}: used {} unchecked {} dirty {} wasted {} free {}, live {}", i, b.used,
                       b.unchecked, b.dirty, b.wasted, b.free, live));
  }
  if (live_nodes != index_.live_nodes() || live_bytes != index_.live_bytes())
    find(Finding::Kind::accounting, kNoIno, 0, "live nodes do not add up");
  if (counters_.damaged_nodes != damaged_before || (damaged_before != 0 && out.empty()))
    find(Finding::Kind::damaged_node, kNoIno, 0,
         fmt::format("{} damaged nodes in all", counters_.damaged_nodes));
  return out;
}

}  // namespace quire::jffs2
