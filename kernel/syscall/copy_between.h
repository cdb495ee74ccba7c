// Copies between two address spaces by lists of ranges (process_vm_readv, mm_read, ...).
#pragma once

#include <vector>

#include "base/result.h"
#include "kernel/mm/address_space.h"

namespace quire::syscall {

struct GuestIovec {
  u64 base = 0, length = 0;
};

/// Reads a list of at most 1024 ranges; lengths are cut at 2 GiB - 4 KiB in all. EINVAL, EFAULT.
Result<std::vector<GuestIovec>> read_iovecs(mm::AddressSpace& mm, GuestAddr at, u64 n);

/// Copies until either list ends or a page is missing; EFAULT if that is the first one. Uses the lists up.
Result<u64> copy_between(mm::AddressSpace& from_mm, mm::AddressSpace& to_mm, std::vector<GuestIovec>& from,
                         std::vector<GuestIovec>& to);

}  // namespace quire::syscall
