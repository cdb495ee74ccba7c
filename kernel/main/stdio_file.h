// A descriptor inherited from whoever started quire, passed through.
#pragma once

#include <mutex>
#include <optional>

#include "kernel/main/host_terminal.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/host_poll.h"

namespace quire::cli {

/// Reads, writes and terminal controls go to the host descriptor itself: the same open file description
/// as the caller's, so that output lands in order with that of others.
class StdioFile final : public vfs::File {
 public:
  /// Keeps a duplicate of `fd`. EBADF when it is not open.
  static Result<Ref<vfs::File>> open(int fd);
  /// Takes over `fd`; `terminal` is what it leads to, if it is one.
  StdioFile(int fd, int flags, Ref<HostTerminal> terminal);
  ~StdioFile() override;

  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override;
  Result<u64> seek(i64 offset, int whence) override;
  Result<u64> ioctl(mm::AddressSpace& mm, u32 command, u64 argument) override;
  u32 poll() override;
  vfs::WaitQueue* wait_queue() override;
  /// The same description again; never wider.
  Result<Ref<vfs::File>> reopen(int flags) override;
  Result<vfs::Attributes> attributes() override;
  std::string describe() override;
  int host_fd() const override { return fd_; }

 private:
  const int fd_;
  const Ref<HostTerminal> terminal_;
  std::once_flag poll_once_;
  std::optional<vfs::HostPoll> poll_;  // made when somebody first waits for readiness
};

}  // namespace quire::cli
