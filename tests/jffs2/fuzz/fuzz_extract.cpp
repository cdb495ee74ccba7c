// extract and recover on any bytes, into a directory of their own, which must stay the only thing
// that changes.
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>
#include <string>

#include "jffs2/tool/extractor.h"
#include "jffs2/tool/survey.h"
#include "tests/jffs2/fuzz/target.h"

namespace quire::jffs2::fuzz {

namespace {

int remove_entry(const char* path, const struct stat*, int type, FTW*) {
  if (type == FTW_D || type == FTW_DNR) ::chmod(path, 0700);
  ::remove(path);
  return 0;
}

void remove_tree(const std::string& path) { ::nftw(path.c_str(), remove_entry, 64, FTW_DEPTH | FTW_PHYS); }

}  // namespace

void run_one(std::span<const u8> input) {
  std::string base = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  base += "/jffs2-fuzz-XXXXXX";
  require(::mkdtemp(base.data()) != nullptr, "no temporary directory");
  Survey found = survey(input, {});
  std::span<const u8> bytes = found.layout.page != 0 ? std::span<const u8>(found.data) : input;
  int number = 0;
  for (const FoundSystem& system : found.systems) {
    Tree tree(bytes, system.nodes, system.order);
    // A few bytes may stand for a megabyte each; that is for the disk to bear, not for this test.
    u64 content = 0;
    tree.for_each([&](Ino, const TreeInode& inode) {
      if (inode.known && inode.is_file())
        for (const Extent& e : tree.extents(inode)) content += e.end - e.begin;
    });
    if (content > 64 << 20) continue;
    ExtractOptions options;
    options.orphans = true;
    options.on_problem = [](const std::string&) {};
    (void)extract_tree(tree, base + "/" + std::to_string(number++), options).has_value();
  }
  remove_tree(base);
}

}  // namespace quire::jffs2::fuzz
