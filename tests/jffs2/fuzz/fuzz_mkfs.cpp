// mkfs from any archive or device table.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <span>
#include <string>

#include "jffs2/tool/mkfs.h"
#include "jffs2/tool/source.h"
#include "tests/jffs2/fuzz/target.h"

namespace quire::jffs2::fuzz {

void run_one(std::span<const u8> input) {
  int fd = ::memfd_create("input", MFD_CLOEXEC);
  require(fd >= 0 && ::write(fd, input.data(), input.size()) == static_cast<ssize_t>(input.size()),
          "no input file");
  std::string path = "/proc/self/fd/" + std::to_string(fd);
  SourceTree tree;
  (void)add_archive(tree, path).has_value();
  ::lseek(fd, 0, SEEK_SET);
  (void)add_device_table(tree, path).has_value();
  ::close(fd);
  u64 content = 0;
  for (const SourceInode& inode : tree.inodes)
    if (inode.content) content += inode.content->size();
  if (content > 16 << 20) return;
  MkfsOptions options;
  options.threads = 1;
  options.xattrs = true;
  options.compression.level = 1;
  (void)make_image(tree, options, [](std::span<const u8>) -> Status { return {}; }, [](u64) {}).has_value();
}

}  // namespace quire::jffs2::fuzz
