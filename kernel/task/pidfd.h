// A descriptor that stands for a process (pidfd_open, CLONE_PIDFD).
#pragma once

#include "base/ref.h"
#include "kernel/task/process.h"
#include "kernel/vfs/file.h"

namespace quire::task {

class PidFd final : public vfs::File {
 public:
  PidFd(Ref<Process> process, int flags);
  u32 poll() override;
  vfs::WaitQueue* wait_queue() override;
  Result<struct stat> stat() override;
  std::string describe() override;
  Process& process() const { return *process_; }

 private:
  Ref<Process> process_;
};

Ref<vfs::File> make_pidfd(Ref<Process> process, int flags);
/// The process behind a file; null if it is no pidfd.
Process* process_of(vfs::File& file);

}  // namespace quire::task
