// The files under /proc/sys/vm and /sys/kernel/mm that show and set the pool of huge pages.
#pragma once

#include "kernel/mm/huge_pool.h"
#include "kernel/vfs/pseudo.h"

namespace quire::vfs {

/// Shows one of the pool's counts.
TextFile::Generate huge_pages_text(u64 mm::HugePageCounts::* field);
/// Sets the size of the pool, or with `overcommit` its limit for surplus pages. EINVAL for what is no number.
TextFile::Store store_huge_pages(bool overcommit);

}  // namespace quire::vfs
