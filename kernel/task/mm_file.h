// A descriptor that is an address space: made by create_mm, or by opening /proc/mm.
#pragma once

#include "kernel/mm/address_space.h"
#include "kernel/vfs/file.h"

namespace quire::task {

class Task;

/// A new, empty address space under the limits of the task's process. ENOMEM.
Result<Ref<mm::AddressSpace>> make_empty_mm(Task& task);

class MmFile : public vfs::File {
 public:
  explicit MmFile(Ref<mm::AddressSpace> mm, int flags = O_RDWR);
  Result<struct stat> stat() override;
  std::string describe() override { return path() ? path_description() : "anon_inode:[mm]"; }
  const Ref<mm::AddressSpace>& mm() const { return mm_; }

 private:
  const Ref<mm::AddressSpace> mm_;
};

/// /proc/mm, opened: one struct proc_mm_op a write acts on the address space, with the writer's
/// descriptors. EINVAL: unknown or cut short; EFAULT; EBADF; errors of the call it stands for.
class ProcMmFile final : public MmFile {
 public:
  using MmFile::MmFile;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override;
};

/// The address space behind a file; null if it is none.
Ref<mm::AddressSpace> mm_of(vfs::File& file);

}  // namespace quire::task
