// list, dump, stat and check on any bytes.
//
// Threat: images from strangers. Input: a whole image. Out of scope: the printing itself, which only
// formats what is computed here.
#include <span>

#include "jffs2/tool/checker.h"
#include "jffs2/tool/printable.h"
#include "jffs2/tool/survey.h"
#include "jffs2/tool/usage.h"
#include "tests/jffs2/fuzz/target.h"

namespace quire::jffs2::fuzz {

void run_one(std::span<const u8> input) {
  Survey found = survey(input, {});
  std::span<const u8> bytes = found.layout.page != 0 ? std::span<const u8>(found.data) : input;
  for (const FoundSystem& system : found.systems) {
    Tree tree(bytes, system.nodes, system.order);
    walk_tree(tree, [&](const std::string& path, Ino ino, const TreeInode* inode, const TreeName*) {
      (void)printable(path);
      (void)tree.xattrs(ino);
      if (inode == nullptr) return;
      (void)tree.target(*inode).has_value();
      (void)tree.device(*inode).has_value();
      (void)tree.checksum(*inode).has_value();
    });
    std::vector<NodeUse> uses = classify(tree);
    u32 block = system.erase_size != 0 ? system.erase_size : 65536;
    std::vector<BlockUse> blocks = block_use(tree, system, uses, block);
    // What stat shows must add up whatever the image.
    u64 sum = 0;
    for (const BlockUse& b : blocks) sum += b.live + b.obsolete + b.overhead + b.damaged + b.other + b.free;
    require(sum == std::min<u64>(system.end, bytes.size()) - system.begin, "blocks do not add up");
    (void)compression_use(tree, uses);
    (void)draw_blocks(blocks, block, 64);
    (void)draw_blocks_svg(blocks, block, "x");
    (void)find_problems(tree, system);
  }
}

}  // namespace quire::jffs2::fuzz
