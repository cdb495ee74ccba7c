// hugetlbfs: files whose pages are huge pages of the pool (kernel/mm/huge_pool.h). Names and permissions
// are those of any memory file system; contents are read and mapped, never written by write(2).
#pragma once

#include <optional>
#include <string_view>

#include "kernel/mm/huge_pool.h"
#include "kernel/vfs/memory_inode.h"

namespace quire::fs::hugetlbfs {

struct Options {
  std::optional<u64> most_pages;  // size=
  u64 least_pages = 0;            // min_size=
  u64 max_inodes = 0;             // 0: no limit
  u32 mode = 0755;                // of the root
  u32 uid = 0, gid = 0;
};

/// mount(2)'s data: "pagesize=2M,size=64M,min_size=4M,nr_inodes=10,mode=0755,uid=0,gid=0". Sizes may be
/// percentages of the pool as it is now. EINVAL. `defaults`: whose the root is if nothing is said.
Result<Options> parse_options(std::string_view text, const mm::HugePageCounts& pool, const Options& defaults);

class HugetlbFs final : public vfs::MemoryFileSystem {
 public:
  /// ENOMEM when the least size cannot be reserved.
  static Result<Ref<HugetlbFs>> create(mm::MemoryManager& mm, const Options& options);

  const char* type_name() const override { return "hugetlbfs"; }
  /// Once: EBUSY after that.
  Result<Ref<vfs::Inode>> root() override;
  Result<struct statfs> statfs() override;
  std::string options() const override;
  Result<Ref<vfs::Inode>> make_orphan(const vfs::NewNode& node) override;
  Result<Ref<vfs::Inode>> make_regular(const vfs::NewNode& node) override;

 private:
  HugetlbFs(mm::MemoryManager& mm, const Options& options, Ref<mm::HugeSubpool> share);

  const Options options_;
  const Ref<mm::HugeSubpool> share_;
  Mutex<locks::inode> lock_;
  Ref<vfs::Inode> root_ GUARDED_BY(lock_);  // until it is mounted, as in tmpfs
};

}  // namespace quire::fs::hugetlbfs
