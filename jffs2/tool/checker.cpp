#include "jffs2/tool/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "jffs2/codec/compress.h"
#include "jffs2/codec/summary.h"
#include "jffs2/tool/printable.h"
#include "jffs2/tool/usage.h"

namespace quire::jffs2 {

namespace {

class Checker {
 public:
  Checker(const Tree& tree, const FoundSystem& system) : tree_(tree), system_(system) {}

  std::vector<Problem> run() {
    check_nodes();
    check_blocks();
    check_names();
    tree_.for_each([&](Ino ino, const TreeInode& inode) { check_inode(ino, inode); });
    return std::move(problems_);
  }

 private:
  void add(Severity severity, const char* kind, u64 offset, Ino ino, std::string text) {
    problems_.push_back({severity, kind, offset, ino.value(), std::move(text)});
  }
  void fault(const char* kind, u64 offset, Ino ino, std::string text) {
    add(Severity::fault, kind, offset, ino, std::move(text));
  }
  void note(const char* kind, u64 offset, Ino ino, std::string text) {
    add(Severity::note, kind, offset, ino, std::move(text));
  }

  void check_nodes() {
    for (const FoundNode& n : tree_.nodes()) {
      switch (n.health) {
        case Health::good:
        case Health::obsolete:
          break;
        case Health::bad_crc:
          fault("bad-node", n.offset, kNoIno, fmt::format("a node of type {:#06x} with a wrong CRC", n.type));
          break;
        case Health::bad_data: {
          auto inode = decode_inode(bytes_of(tree_.bytes(), n), n.order);
          fault("bad-data", n.offset, inode ? inode->ino : kNoIno,
                fmt::format("file data with a wrong CRC (bytes {} to {})", inode ? inode->offset : 0,
                            inode ? u64{inode->offset} + inode->dsize : 0));
          break;
        }
        case Health::cut_short:
          fault("cut-short", n.offset, kNoIno, "a node that reaches past the end");
          break;
        case Health::unknown:
          check_unknown(n);
          break;
      }
      if (system_.erase_size != 0 && n.health == Health::good && crosses_block(n))
        fault("crosses-block", n.offset, kNoIno, "a node across the edge of an erase block");
    }
  }

  void check_unknown(const FoundNode& n) {
    switch (compat_of(n.type)) {
      case Compat::rw_delete:
      case Compat::rw_copy:
        note("unknown-node", n.offset, kNoIno, fmt::format("a node of unknown type {:#06x}", n.type));
        break;
      case Compat::read_only:
        fault("unknown-node", n.offset, kNoIno,
              fmt::format("type {:#06x} is unknown, and allows reading only", n.type));
        break;
      case Compat::incompatible:
        fault("unknown-node", n.offset, kNoIno,
              fmt::format("type {:#06x} is unknown, and forbids mounting", n.type));
        break;
    }
  }

  bool crosses_block(const FoundNode& n) const {
    if (n.offset < system_.begin || n.totlen == 0) return false;
    return (n.offset - system_.begin) / system_.erase_size !=
           (n.offset + n.totlen - 1 - system_.begin) / system_.erase_size;
  }

  // Bytes that are neither nodes nor erased, and summaries that do not tell what their block holds.
  void check_blocks() {
    if (system_.erase_size == 0) return;
    std::vector<NodeUse> uses = classify(tree_);
    std::vector<BlockUse> blocks = block_use(tree_, system_, uses, system_.erase_size);
    for (std::size_t b = 0; b < blocks.size(); b++) {
      u64 begin = system_.begin + b * system_.erase_size;
      // Writers leave gaps of a few bytes, and NAND pages are filled up.
      if (blocks[b].other > system_.erase_size / 8)
        note("foreign-bytes", begin, kNoIno,
             fmt::format("{} bytes in this block are neither nodes nor erased", blocks[b].other));
      if (blocks[b].summary) check_summary(begin);
    }
  }

  void check_summary(u64 begin) {
    if (begin + system_.erase_size > tree_.bytes().size()) return;
    std::span<const u8> block = tree_.bytes().subspan(begin, system_.erase_size);
    auto summary = decode_summary(block, tree_.order());
    if (!summary) {
      note("bad-summary", begin, kNoIno, "the block's summary is damaged; it will be scanned instead");
      return;
    }
    for (const SummaryEntry& e : summary->entries) {
      auto header =
          e.offset < block.size() ? decode_header(block.subspan(e.offset), tree_.order()) : std::nullopt;
      // A summary does not tell the length of references.
      if (header && header->type == static_cast<u16>(e.type) && (e.totlen == 0 || header->totlen == e.totlen))
        continue;
      fault("wrong-summary", begin + e.offset, kNoIno, "the summary names a node that is not there");
      return;
    }
  }

  void check_names() {
    walk_tree(tree_, [&](const std::string& path, Ino ino, const TreeInode* inode, const TreeName* name) {
      if (name == nullptr) return;
      u64 offset = tree_.nodes()[name->node].offset;
      std::string shown = printable(path);
      if (!is_plain_name(name->name)) fault("bad-name", offset, ino, shown + ": no file can have this name");
      if (inode == nullptr) {
        fault("dangling-name", offset, ino, shown + ": the file's nodes are lost");
        return;
      }
      if (name->again) fault("two-names", offset, ino, shown + ": a directory with another name elsewhere");
      if (name->type != FileType::unknown && name->type != file_type_of_mode(inode->meta.mode))
        fault("wrong-type", offset, ino, shown + ": the name says another type than the inode");
      paths_.try_emplace(ino, shown);
    });
  }

  std::string label(Ino ino) const {
    auto at = paths_.find(ino);
    return at != paths_.end() ? at->second : fmt::format("inode {}", ino.value());
  }

  void check_inode(Ino ino, const TreeInode& inode) {
    if (!inode.known) return;
    // A removed file's nodes go one by one, as their blocks are collected: what is left need not be whole.
    if (inode.links == 0 && ino != kRootIno)
      return note("orphan", 0, ino,
                  fmt::format("{}: no name leads to it ({} bytes)", label(ino), inode.meta.isize));
    if (inode.nodes.empty()) {
      if (ino != kRootIno) fault("lost-inode", 0, ino, label(ino) + ": a directory known only by its names");
      return;
    }
    u64 offset = tree_.nodes()[inode.nodes.back()].offset;
    if (inode.is_file()) return check_file(ino, inode);
    if (inode.is_symlink() && !tree_.target(inode))
      fault("bad-target", offset, ino, label(ino) + ": the link's target is damaged");
    if (inode.is_device() && !tree_.device(inode))
      fault("bad-device", offset, ino, label(ino) + ": the device number is damaged");
    if (file_type_of_mode(inode.meta.mode) == FileType::unknown)
      fault("bad-mode", offset, ino,
            fmt::format("{}: mode {:o} is of no file type", label(ino), inode.meta.mode));
  }

  void check_file(Ino ino, const TreeInode& inode) {
    u64 gap = 0, at = 0;
    // Holes are written down like data, so bytes of which no node speaks were lost.
    std::map<u64, u64> covered;
    for (u32 index : inode.nodes) {
      auto node = decode_inode(bytes_of(tree_.bytes(), tree_.nodes()[index]), tree_.order());
      if (!node || node->dsize == 0) continue;
      u64& end = covered[node->offset];
      end = std::max(end, u64{node->offset} + node->dsize);
    }
    for (auto [begin, end] : covered) {
      if (begin >= inode.meta.isize) break;
      if (begin > at) gap += begin - at;
      at = std::max(at, end);
    }
    if (at < inode.meta.isize) gap += inode.meta.isize - at;
    if (gap != 0)
      fault("gap", 0, ino,
            fmt::format("{}: no node tells {} of its {} bytes; they read as zeros", label(ino), gap,
                        inode.meta.isize));
    std::optional<u32> last;
    for (const Extent& e : tree_.extents(inode)) {
      if (last == e.node) continue;
      last = e.node;
      if (!tree_.node_data(e.node))
        fault("cannot-expand", tree_.nodes()[e.node].offset, ino,
              fmt::format("{}: bytes {} to {} cannot be expanded", label(ino), e.begin, e.end));
    }
  }

  const Tree& tree_;
  const FoundSystem& system_;
  std::map<Ino, std::string> paths_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> find_problems(const Tree& tree, const FoundSystem& system) {
  return Checker(tree, system).run();
}

}  // namespace quire::jffs2
