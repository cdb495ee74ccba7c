// Where the cached pages of a host file come from.
#pragma once

#include <atomic>

#include "kernel/fs/host/host_fs.h"
#include "kernel/mm/memory_object.h"

namespace quire::fs::host {

/// Reads and writes by descriptors of its own. A file first mapped read-only and later for writing gets
/// a second descriptor.
class HostPages final : public mm::PageSource {
 public:
  explicit HostPages(int fd) : fd_(fd) {}
  ~HostPages() override;
  Result<std::size_t> read(u64 offset, std::span<std::byte> to) override;
  Result<std::size_t> write(u64 offset, std::span<const std::byte> from) override;
  /// Takes over `fd`; nothing if there is one already.
  void set_writable(int fd);
  bool writable() const { return write_fd_.load(std::memory_order_acquire) >= 0; }

 private:
  const int fd_;
  std::atomic<int> write_fd_{-1};
};

}  // namespace quire::fs::host
