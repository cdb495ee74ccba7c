// --strace: every system call as a readable line.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "kernel/task/kernel.h"

namespace quire::cli {

class Strace final : public task::SyscallObserver {
 public:
  /// To a file, or to standard error if the name is empty. Null with errno set on failure.
  static std::unique_ptr<Strace> create(const std::string& file);
  ~Strace() override;

  void enter(task::Task& task, u32 number, const task::SyscallRow* row, const task::Args& args) override;
  void leave(task::Task& task, u32 number, const task::SyscallRow* row, const task::Args& args,
             const Result<u64>& result) override;
  void signal(task::Task& task, const siginfo_t& info) override;
  void exited(task::Task& task, const task::ExitStatus& status) override;

 private:
  Strace(int fd, bool owned) : fd_(fd), owned_(owned) {}
  void line(const std::string& text);
  const int fd_;
  const bool owned_;
};

}  // namespace quire::cli
