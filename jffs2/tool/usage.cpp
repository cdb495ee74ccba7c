#include "jffs2/tool/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "jffs2/codec/compress.h"

namespace quire::jffs2 {

namespace {

// An inode's nodes that still hold something: those that a reader would take data from, the newest
// (it has the attributes), and holes that hide older data.
void mark_inode(const Tree& tree, const TreeInode& inode, std::vector<NodeUse>& uses) {
  if (!inode.known || inode.nodes.empty()) return;
  uses[inode.nodes.back()] = NodeUse::live;
  for (const Extent& e : tree.extents(inode)) uses[e.node] = NodeUse::live;
  for (u32 index : inode.nodes) {
    auto node = decode_inode(bytes_of(tree.bytes(), tree.nodes()[index]), tree.order());
    if (node && node->compression == Compression::zero && node->dsize != 0) uses[index] = NodeUse::live;
  }
}

}  // namespace

std::string_view use_name(NodeUse use) {
  switch (use) {
    case NodeUse::live:
      return "live";
    case NodeUse::obsolete:
      return "obsolete";
    case NodeUse::overhead:
      return "overhead";
    case NodeUse::damaged:
      return "damaged";
  }
  return "?";
}

std::vector<NodeUse> classify(const Tree& tree) {
  std::vector<NodeUse> uses(tree.nodes().size(), NodeUse::obsolete);
  for (std::size_t i = 0; i < uses.size(); i++) {
    const FoundNode& n = tree.nodes()[i];
    switch (static_cast<NodeType>(n.type)) {
      case NodeType::cleanmarker:
      case NodeType::padding:
      case NodeType::summary:
        uses[i] = NodeUse::overhead;
        break;
      default:
        break;
    }
    if (n.health == Health::bad_crc || n.health == Health::bad_data || n.health == Health::cut_short)
      uses[i] = NodeUse::damaged;
  }
  std::set<Ino> named{kRootIno};
  tree.for_each([&](Ino, const TreeInode& inode) {
    if (!inode.known) return;
    for (const TreeName& name : inode.children) {
      named.insert(name.ino);
      uses[name.node] = NodeUse::live;
    }
  });
  tree.for_each([&](Ino ino, const TreeInode& inode) {
    if (named.contains(ino)) mark_inode(tree, inode, uses);
  });
  for (u32 index : tree.attribute_nodes()) uses[index] = NodeUse::live;
  return uses;
}

std::vector<BlockUse> block_use(const Tree& tree, const FoundSystem& system, std::span<const NodeUse> uses,
                                u32 assumed) {
  const u64 size = system.erase_size != 0 ? system.erase_size : assumed;
  std::span<const u8> bytes = tree.bytes();
  std::vector<BlockUse> blocks((system.end - system.begin + size - 1) / size);
  std::vector<u64> covered(blocks.size(), 0), last(blocks.size(), 0);
  for (std::size_t i = 0; i < uses.size(); i++) {
    const FoundNode& node = tree.nodes()[i];
    u64 from = node.offset, to = std::min<u64>(node.end(), system.end);
    // A node that claims more than there is may have others inside what it claims.
    if (i + 1 < uses.size()) to = std::min(to, tree.nodes()[i + 1].offset);
    if (from < system.begin) continue;
    // With an assumed size a node may lie across an edge; each block gets its part.
    while (from < to) {
      u64 b = (from - system.begin) / size;
      if (b >= blocks.size()) break;
      u64 end = std::min(to, system.begin + (b + 1) * size);
      u64 part = end - from;
      switch (uses[i]) {
        case NodeUse::live:
          blocks[b].live += part;
          break;
        case NodeUse::obsolete:
          blocks[b].obsolete += part;
          break;
        case NodeUse::overhead:
          blocks[b].overhead += part;
          break;
        case NodeUse::damaged:
          blocks[b].damaged += part;
          break;
      }
      if (node.type == static_cast<u16>(NodeType::summary)) blocks[b].summary = true;
      covered[b] += part;
      last[b] = std::max(last[b], end);
      from = end;
    }
  }
  for (std::size_t b = 0; b < blocks.size(); b++) {
    u64 begin = system.begin + b * size;
    u64 end = std::min<u64>({begin + size, system.end, bytes.size()});
    u64 at = end;
    while (at > std::max(begin, last[b]) && bytes[at - 1] == 0xFF) at--;
    blocks[b].free = end - at;
    u64 known = covered[b] + blocks[b].free;
    blocks[b].other = end - begin > known ? end - begin - known : 0;
  }
  return blocks;
}

std::map<std::string, MethodUse> compression_use(const Tree& tree, std::span<const NodeUse> uses) {
  std::map<std::string, MethodUse> result;
  for (std::size_t i = 0; i < uses.size(); i++) {
    const FoundNode& found = tree.nodes()[i];
    if (uses[i] != NodeUse::live || found.type != static_cast<u16>(NodeType::inode)) continue;
    auto node = decode_inode(bytes_of(tree.bytes(), found), tree.order());
    if (!node || node->dsize == 0) continue;
    MethodUse& use = result[compression_name(node->compression)];
    use.nodes++;
    use.stored += node->csize;
    use.expanded += node->dsize;
  }
  return result;
}

}  // namespace quire::jffs2
