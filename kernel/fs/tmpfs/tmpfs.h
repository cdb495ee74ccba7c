// tmpfs: a tree of memory inodes (kernel/vfs/memory_inode.h), with limits. The pattern for a new file
// system.
#pragma once

#include <memory>
#include <string_view>

#include "kernel/vfs/memory_inode.h"

namespace quire::fs::tmpfs {

struct Options {
  u64 max_bytes = 0;   // 0: as much as there is memory
  u64 max_inodes = 0;  // 0: no limit
  u32 mode = 01777;    // of the root
  u32 uid = 0, gid = 0;
};

/// mount(2)'s data: "size=64m,nr_inodes=1k,mode=0755,uid=0,gid=0". EINVAL.
Result<Options> parse_options(std::string_view text, u64 total_memory);

class Tmpfs final : public vfs::MemoryFileSystem {
 public:
  /// `mm` null: no contents beyond a page a file (unit tests, /dev).
  static Result<Ref<Tmpfs>> create(mm::MemoryManager* mm, const Options& options);

  const char* type_name() const override { return "tmpfs"; }
  /// Once: EBUSY after that.
  Result<Ref<vfs::Inode>> root() override;
  Result<Ref<vfs::Inode>> make_orphan(const vfs::NewNode& node) override;
  std::string options() const override;

 private:
  Tmpfs(mm::MemoryManager* mm, const Options& options);

  const Options options_;
  // Until it is mounted; then the mount has it. (Inodes hold their file system: keeping it would be a
  // circle.)
  Mutex<locks::inode> lock_;
  Ref<vfs::Inode> root_ GUARDED_BY(lock_);
};

}  // namespace quire::fs::tmpfs
