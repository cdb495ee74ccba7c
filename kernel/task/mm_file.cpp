#include "kernel/task/mm_file.h"

#include <fcntl.h>

namespace quire::task {

MmFile::MmFile(Ref<mm::AddressSpace> mm) : File(O_RDWR), mm_(std::move(mm)) {}

Result<struct stat> MmFile::stat() {
  struct stat st{};
  st.st_mode = S_IRUSR | S_IWUSR;
  st.st_nlink = 1;
  st.st_blksize = 4096;
  return st;
}

Ref<mm::AddressSpace> mm_of(vfs::File& file) {
  auto* f = dynamic_cast<MmFile*>(&file);
  return f != nullptr ? f->mm() : nullptr;
}

}  // namespace quire::task
