// What the kernel thread of a guest task does: run the guest until it traps, serve the trap, look at
// signals, and so on until the task ends.
#pragma once

#include <array>
#include <csignal>

#include "kernel/platform/context.h"
#include "kernel/task/process.h"
#include "kernel/task/signal_frame.h"
#include "kernel/task/syscall_row.h"

namespace quire::task {

class Kernel;
class Task;

class RunLoop {
 public:
  explicit RunLoop(Task& task);
  /// Until the task ends; the task has left all tables when this returns.
  void run();

 private:
  void system_call(const platform::Trap& trap);
  /// Tells mm of calls that trap again and again at the same place, so that it gets patched.
  void note_trapped_call();
  Result<u64> dispatch(u64 number, const Args& args, bool compat);
  void page_fault(const platform::Trap& trap);
  void exception(const platform::Trap& trap);
  bool emulate_vsyscall();

  /// Signals, stops and the end of the task. False: the task must go. `restart_code` is the restart
  /// code that the present system call returned, or 0; `restart` tells whether to run the call again.
  bool attend(int restart_code, bool& restart);
  /// Runs the handler, or does the default action. True if a handler was set up.
  bool deliver(const siginfo_t& info, int restart_code);
  void default_action(int signo, bool sent_by_us);
  void stop(int signo);
  void leave();

  Task& task_;
  Kernel& kernel_;
  FaultInfo last_fault_;
  /// Where calls trapped lately, and how often.
  struct TrappedAt {
    u64 rip = 0;
    u32 times = 0;
  };
  std::array<TrappedAt, 64> trapped_at_{};
};

}  // namespace quire::task
