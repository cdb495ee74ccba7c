// A descriptor that is an address space (create_mm).
#pragma once

#include "kernel/mm/address_space.h"
#include "kernel/vfs/file.h"

namespace quire::task {

class MmFile final : public vfs::File {
 public:
  explicit MmFile(Ref<mm::AddressSpace> mm);
  Result<struct stat> stat() override;
  std::string describe() override { return "anon_inode:[mm]"; }
  const Ref<mm::AddressSpace>& mm() const { return mm_; }

 private:
  const Ref<mm::AddressSpace> mm_;
};

/// The address space behind a file; null if it is none.
Ref<mm::AddressSpace> mm_of(vfs::File& file);

}  // namespace quire::task
