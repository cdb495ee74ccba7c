// A descriptor inherited from whoever started quire, passed through.
#pragma once

#include <mutex>
#include <optional>

#include "kernel/main/host_terminal.h"
#include "kernel/vfs/file.h"
#include "kernel/vfs/host_poll.h"

namespace quire::cli {

/// Reads, writes and terminal controls go to the host descriptor itself: the same open file description
/// as the caller's, so that output lands in order with that of others. What may have to wait does so
/// where a signal ends it, never in the host's call.
class StdioFile final : public vfs::File {
 public:
  /// Keeps a duplicate of `fd`; `memory` holds what is mapped of a regular file. EBADF when it is not open.
  static Result<Ref<vfs::File>> open(int fd, mm::MemoryManager& memory);
  /// Takes over `fd`; `terminal` is what it leads to, if it is one.
  StdioFile(int fd, int flags, Ref<HostTerminal> terminal, mm::MemoryManager* memory = nullptr);
  ~StdioFile() override;

  Result<std::size_t> read(vfs::IoBuffer& to, i64 offset) override;
  Result<std::size_t> write(vfs::IoBuffer& from, i64 offset) override;
  Result<u64> seek(i64 offset, int whence) override;
  Result<u64> ioctl(mm::AddressSpace& mm, u32 command, u64 argument) override;
  u32 poll() override;
  vfs::WaitQueue* wait_queue() override;
  /// Never wider. In a regular file with a position of its own, as if it had been opened again.
  Result<Ref<vfs::File>> reopen(int flags) override;
  Result<vfs::Attributes> attributes() override;
  Result<> set_attributes(const vfs::AttributeChange& change) override;
  Result<struct statfs> statfs() override;
  Result<> sync(bool data_only) override;
  Result<> truncate(u64 size) override;
  Result<> allocate(int mode, u64 offset, u64 length) override;
  Result<u64> control(int command, u64 argument) override;
  Result<vfs::Mappable> map(u64 offset, u64 length, Access access, bool shared) override;
  std::string describe() override;
  int host_fd() const override { return fd_; }

 private:
  Result<> ready_for(short event);
  Result<std::size_t> transfer(vfs::IoBuffer& buffer, i64 offset, bool writing);
  u64 size() const;

  const int fd_;
  const Ref<HostTerminal> terminal_;
  mm::MemoryManager* const memory_;
  u32 type_ = 0;                        // S_IF*
  bool waits_ = false;                  // reading and writing may have to wait
  bool own_position_ = false;           // opened again: position_ counts, not the description's
  std::atomic<bool> no_nowait_{false};  // the host cannot be told not to wait
  std::once_flag pages_once_;
  Ref<vfs::FileSystem> pages_of_;  // a regular file alone, once it has been mapped
  Ref<vfs::Inode> pages_;
  std::once_flag poll_once_;
  std::optional<vfs::HostPoll> poll_;  // made when somebody first waits for readiness
};

}  // namespace quire::cli
