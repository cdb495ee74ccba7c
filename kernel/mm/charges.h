// What memory costs the host beside the blocks of the memory file, for --memory and the out-of-memory kill.
#pragma once

#include "kernel/mm/address_space.h"

namespace quire::mm {

/// A stub: its own pages, the host's page tables and the host kernel's own structures for a process and its
/// threads, as measured.
inline constexpr u64 stub_charge = 160u << 10;
/// A host mapping of a stub: a vm_area_struct and its part of the tree.
inline constexpr u64 mapping_charge = 256;

/// Bytes that an address space costs beside its resident pages. (Shared page tables count for each.)
inline u64 overhead_bytes(AddressSpace& mm) {
  const platform::SpaceUsage usage = mm.space().usage();
  return stub_charge + usage.mappings * mapping_charge + usage.anonymous_bytes + mm.page_table_bytes();
}

}  // namespace quire::mm
