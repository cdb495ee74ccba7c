// A terminal of the host that was handed to the sandbox: job control is the guest's own.
#pragma once

#include "kernel/vfs/terminal.h"

namespace quire::cli {

class HostTerminal final : public vfs::ControllingTerminal {
 public:
  /// The terminal behind `fd`: one object for each, however many descriptors lead to it.
  static Ref<HostTerminal> of(int fd);
  /// Takes over `fd`.
  HostTerminal(int fd, u64 device) : fd_(fd), device_(device) {}
  ~HostTerminal() override;

  Result<Ref<vfs::File>> open_again(int flags) override;
  u64 device() const override { return device_; }
  bool stops_writers() override;

 private:
  const int fd_;
  const u64 device_;
};

}  // namespace quire::cli
