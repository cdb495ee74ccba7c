// What /proc, terminals and file locks see of processes: vfs's interface, answered from the kernel's
// tables.
#pragma once

#include "kernel/task/kernel.h"
#include "kernel/vfs/process_info.h"

namespace quire::task {

class ProcessDirectory final : public vfs::Processes {
 public:
  explicit ProcessDirectory(Kernel& kernel) : kernel_(kernel) {}

  Ref<vfs::ProcessView> current() override;
  int current_pid() override;
  int current_tid() override;
  int current_group() override;
  int current_session() override;
  std::vector<int> pids() override;
  Ref<vfs::ProcessView> find(int pid) override;
  Result<> signal_process(int pid, int signo) override;
  Result<> signal_group(int group, int signo) override;
  bool group_is_orphaned(int group) override;
  bool group_in_session(int group, int session) override;
  Ref<RefCounted> terminal() override;
  Result<> set_terminal(Ref<RefCounted> terminal, bool steal) override;
  void drop_terminal(const RefCounted& terminal) override;
  int terminal_session(const RefCounted& terminal) override;
  int terminal_foreground(const RefCounted& terminal) override;
  Result<> set_terminal_foreground(const RefCounted& terminal, int group) override;
  bool current_ignores_or_blocks(int signo) override;
  Result<Ref<vfs::File>> open_new_mm(int flags) override;
  mm::MemoryManager& memory() override { return kernel_.mm(); }
  unsigned cpus() override;
  u64 total_forks() override { return kernel_.total_forks(); }

 private:
  Kernel& kernel_;
};

}  // namespace quire::task
