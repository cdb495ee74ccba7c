// check --repair on any bytes: what comes out must be sound, and a second repair must change nothing.
#include <span>
#include <vector>

#include "jffs2/tool/checker.h"
#include "jffs2/tool/survey.h"
#include "jffs2/tool/tree_source.h"
#include "tests/jffs2/fuzz/target.h"

#include "jffs2/tool/mkfs.h"

namespace quire::jffs2::fuzz {

namespace {

std::optional<std::vector<u8>> repaired(const Tree& tree, ByteOrder order) {
  SourceTree source = source_of(tree);
  u64 content = 0;
  for (const SourceInode& inode : source.inodes)
    if (inode.content) content += inode.content->size();
  // Sparse files of gigabytes are pieces of a hole each; too slow to try thousands of times.
  if (content > 64 << 20) return std::nullopt;
  MkfsOptions options;
  options.order = order;
  options.erase_size = 8192;
  options.xattrs = true;
  options.threads = 1;
  options.pad_to = 0;
  std::vector<u8> image;
  auto made = make_image(
      source, options,
      [&](std::span<const u8> piece) -> Status {
        image.insert(image.end(), piece.begin(), piece.end());
        return {};
      },
      [](u64) {});
  if (!made) return std::nullopt;
  return image;
}

}  // namespace

void run_one(std::span<const u8> input) {
  Survey found = survey(input, {});
  if (found.layout.page != 0 || found.systems.size() != 1) return;
  const FoundSystem& system = found.systems.front();
  auto first = repaired(Tree(input, system.nodes, system.order), system.order);
  if (!first) return;
  Survey again = survey(*first, {});
  require(again.systems.size() == 1, "the repaired image holds no file system, or several");
  Tree tree(*first, again.systems.front().nodes, system.order);
  for (const Problem& p : find_problems(tree, again.systems.front())) {
    std::fprintf(stderr, "%s: %s\n", p.kind.c_str(), p.text.c_str());
    require(p.severity != Severity::fault, "the repaired image is not sound");
  }
  auto second = repaired(tree, system.order);
  require(second.has_value(), "the repaired image cannot be repaired again");
  require(*second == *first, "a second repair changes the image");
}

}  // namespace quire::jffs2::fuzz
