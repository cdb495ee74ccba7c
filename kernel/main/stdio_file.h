// A descriptor inherited from whoever started quire, passed through.
#pragma once

#include "kernel/vfs/file.h"

namespace quire::cli {

/// Reads, writes and terminal controls go to the host descriptor itself: the same open file description
/// as the caller's, so that output lands in order with that of others.
class StdioFile final : public vfs::File {
 public:
  /// Keeps a duplicate of `fd`. EBADF when it is not open.
  static Result<Ref<vfs::File>> open(int fd);
  StdioFile(int fd, int flags) : File(flags), fd_(fd) {}
  ~StdioFile() override;

  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override;
  Result<u64> seek(i64 offset, int whence) override;
  Result<u64> ioctl(mm::AddressSpace& mm, u32 command, u64 argument) override;
  u32 poll() override;
  Result<vfs::Attributes> attributes() override;
  std::string describe() override;
  int host_fd() const override { return fd_; }

 private:
  const int fd_;
};

}  // namespace quire::cli
