// jffs2 stat
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_map>

#include "jffs2/fs/stamp.h"
#include "jffs2/tool/commands.h"
#include "jffs2/tool/json.h"
#include "jffs2/tool/output_file.h"
#include "jffs2/tool/terminal.h"
#include "jffs2/tool/usage.h"

namespace quire::jffs2 {

namespace {

constexpr u32 kAssumedBlock = 64 * 1024;

struct Totals {
  BlockUse use;
  u64 size = 0;
  u64 erased_blocks = 0;
  u64 summaries = 0;
};

Totals sum_up(std::span<const BlockUse> blocks) {
  Totals t;
  for (const BlockUse& b : blocks) {
    t.use.live += b.live;
    t.use.obsolete += b.obsolete;
    t.use.overhead += b.overhead;
    t.use.damaged += b.damaged;
    t.use.other += b.other;
    t.use.free += b.free;
    t.erased_blocks += b.live + b.obsolete + b.damaged + b.other == 0;
    t.summaries += b.summary;
  }
  t.size = t.use.live + t.use.obsolete + t.use.overhead + t.use.damaged + t.use.other + t.use.free;
  return t;
}

// JFFS2 stores no erase counts. Two things tell something: the order in which our own writer opened
// blocks, and how often the files that are still there were written.
struct Wear {
  u64 blocks_opened = 0;  ///< 0: never written by us
  u64 versions = 0;       ///< nodes ever written for the inodes that are there
  u64 left = 0;           ///< of them, still on flash
};

Wear wear_of(const Tree& tree) {
  Wear wear;
  for (const FoundNode& n : tree.nodes()) {
    if (n.type != static_cast<u16>(NodeType::padding)) continue;
    if (auto sequence = decode_stamp(bytes_of(tree.bytes(), n), tree.order()))
      wear.blocks_opened = std::max<u64>(wear.blocks_opened, *sequence);
  }
  // A directory shares the counter of its versions with its names.
  std::unordered_map<Ino, u64> highest;
  auto count = [&](Ino ino, Version version) {
    u64& most = highest[ino];
    most = std::max<u64>(most, version.value());
    wear.left++;
  };
  for (const FoundNode& n : tree.nodes()) {
    std::span<const u8> bytes = bytes_of(tree.bytes(), n);
    if (auto inode = decode_inode(bytes, tree.order()))
      count(inode->ino, inode->version);
    else if (auto name = decode_dirent(bytes, tree.order()))
      count(name->pino, name->version);
  }
  for (const auto& [ino, versions] : highest) wear.versions += versions;
  return wear;
}

unsigned terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
    return std::min<unsigned>(size.ws_col - 4u, 128);
  return 64;
}

void print_text(const Opened& opened, const FoundSystem& system, const Tree& tree,
                std::span<const BlockUse> blocks, u32 block_size, std::span<const NodeUse> uses) {
  Totals t = sum_up(blocks);
  auto share = [&](const char* name, u64 bytes, Colour c) {
    fmt::print("  {:<12} {:>12}  {:5.1f} %\n",
               colour(c, name) + std::string(12 - std::string(name).size(), ' '), human_size(bytes),
               t.size == 0 ? 0.0 : 100.0 * static_cast<double>(bytes) / static_cast<double>(t.size));
  };
  fmt::print("{}\n", describe(opened, system));
  u64 files = 0, directories = 0, others = 0, content = 0;
  tree.for_each([&](Ino, const TreeInode& inode) {
    if (!inode.known || (inode.links == 0 && &inode != &tree.root())) return;
    (inode.is_directory() ? directories : inode.is_file() ? files : others)++;
    if (inode.is_file()) content += inode.meta.isize;
  });
  fmt::print("\nFiles: {} files ({}), {} directories, {} others\n", files, human_size(content), directories,
             others);
  fmt::print("\nSpace: {} in {} blocks of {}{}\n", human_size(t.size), blocks.size(), human_size(block_size),
             system.erase_size == 0 ? " (assumed)" : "");
  share("live", t.use.live, Colour::green);
  share("obsolete", t.use.obsolete, Colour::yellow);
  share("overhead", t.use.overhead, Colour::grey);
  share("damaged", t.use.damaged, Colour::red);
  share("foreign", t.use.other, Colour::red);
  share("free", t.use.free, Colour::cyan);
  fmt::print("  {} blocks erased, {} with a summary\n", t.erased_blocks, t.summaries);
  fmt::print("\nCompression (live nodes):\n");
  for (const auto& [name, use] : compression_use(tree, uses))
    fmt::print("  {:<10} {:>8} nodes {:>12} as {:>12}  {:5.1f} %\n", name, use.nodes,
               human_size(use.expanded), human_size(use.stored),
               use.expanded == 0
                   ? 0.0
                   : 100.0 * static_cast<double>(use.stored) / static_cast<double>(use.expanded));
  Wear wear = wear_of(tree);
  fmt::print(
      "\nWear (the format keeps no erase counts):\n  {} nodes were written for the files that are there; {} "
      "of them are left\n",
      std::max(wear.versions, wear.left), wear.left);
  if (wear.blocks_opened != 0)
    fmt::print("  blocks were opened for writing {} times: about {:.1f} erases a block\n", wear.blocks_opened,
               static_cast<double>(wear.blocks_opened) /
                   static_cast<double>(std::max<std::size_t>(blocks.size(), 1)));
  fmt::print("\nBlocks:\n{}", draw_blocks(blocks, block_size, terminal_columns()));
}

Json to_json(const Opened& opened, const FoundSystem& system, const Tree& tree,
             std::span<const BlockUse> blocks, u32 block_size, std::span<const NodeUse> uses) {
  Totals t = sum_up(blocks);
  Wear wear = wear_of(tree);
  Json all;
  all["offset"] = opened.file_offset(system.begin);
  all["size"] = t.size;
  all["byte_order"] = system.order == ByteOrder::little ? "little" : "big";
  all["erase_size"] = system.erase_size != 0 ? Json(system.erase_size) : Json(nullptr);
  all["page_layout"] = {{"page", opened.survey().layout.page}, {"spare", opened.survey().layout.spare}};
  all["bytes"] = {{"live", t.use.live},       {"obsolete", t.use.obsolete}, {"overhead", t.use.overhead},
                  {"damaged", t.use.damaged}, {"foreign", t.use.other},     {"free", t.use.free}};
  for (const auto& [name, use] : compression_use(tree, uses))
    all["compression"][name] = {{"nodes", use.nodes}, {"stored", use.stored}, {"expanded", use.expanded}};
  all["wear"] = {{"nodes_written", std::max(wear.versions, wear.left)},
                 {"nodes_left", wear.left},
                 {"blocks_opened", wear.blocks_opened}};
  all["block_size"] = block_size;
  all["blocks"] = Json::array();
  for (const BlockUse& b : blocks)
    all["blocks"].push_back({{"live", b.live},
                             {"obsolete", b.obsolete},
                             {"overhead", b.overhead},
                             {"damaged", b.damaged},
                             {"foreign", b.other},
                             {"free", b.free},
                             {"summary", b.summary}});
  return all;
}

Status write_svg(const std::string& path, const std::string& svg) {
  OutputFile out = CHECK(OutputFile::create(path));
  CHECK_VOID(out.write({reinterpret_cast<const u8*>(svg.data()), svg.size()}));
  return out.commit();
}

}  // namespace

int run_stat(const StatCommand& command) {
  auto opened = Opened::open(command.input);
  if (!opened) return complain(opened.error());
  auto system = (*opened)->only_system();
  if (!system) return complain(system.error());
  Tree tree((*opened)->bytes(), (*system)->nodes, (*system)->order);
  std::vector<NodeUse> uses = classify(tree);
  u32 block_size = (*system)->erase_size != 0 ? (*system)->erase_size : kAssumedBlock;
  std::vector<BlockUse> blocks = block_use(tree, **system, uses, block_size);
  if (command.json)
    fmt::print("{}\n", json_text(to_json(**opened, **system, tree, blocks, block_size, uses)));
  else
    print_text(**opened, **system, tree, blocks, block_size, uses);
  if (!command.svg.empty()) {
    std::string title = command.input.path + ": " + describe(**opened, **system);
    if (auto written = write_svg(command.svg, draw_blocks_svg(blocks, block_size, title)); !written)
      return complain(written.error());
  }
  return kSuccess;
}

}  // namespace quire::jffs2
