// Waiting for children.
#include <sys/wait.h>

#include "kernel/abi/restart.h"
#include "kernel/task/kernel.h"

namespace quire::task {

Result<Kernel::WaitResult> Kernel::wait(Task& caller, const WaitRequest& request) {
  Process& self = caller.process();
  vfs::Waiter& waiter = vfs::Waiter::current();
  std::optional<vfs::WaitEntry> entry;
  for (;;) {
    {
      LockGuard table(table_lock_);
      bool eligible = false;
      const Pid own_group = self.group_;
      for (const Ref<Process>& child : self.children_) {
        if (request.who == WaitRequest::Who::pid && child->pid() != request.id) continue;
        if (request.who == WaitRequest::Who::group &&
            child->group_ != (request.id == 0 ? own_group : request.id))
          continue;
        // "Clone" children, whose end raises another signal than SIGCHLD, are only for those who ask.
        const bool is_clone = child->exit_signal_ != SIGCHLD;
        if ((request.options & __WALL) == 0 && is_clone != ((request.options & __WCLONE) != 0)) continue;
        eligible = true;
        WaitResult result;
        result.pid = child->pid();
        result.uid = child->uid_;
        if (child->zombie_ && (request.options & WEXITED) != 0) {
          const ExitStatus& status = child->exit_status_;
          result.code = status.signo == 0 ? CLD_EXITED : status.core ? CLD_DUMPED : CLD_KILLED;
          result.status = status.signo != 0 ? status.signo : status.code & 0xff;
          result.wait_status = status.wait_status();
          result.usage = child->exited_threads_;
          result.usage += child->waited_children_;
          if ((request.options & WNOWAIT) == 0) {
            self.waited_children_ += result.usage;
            const Ref<Process> keep = child;
            reap(*keep);
          }
          return result;
        }
        if (child->report_stop_ && (request.options & WSTOPPED) != 0) {
          if ((request.options & WNOWAIT) == 0) child->report_stop_ = false;
          result.code = CLD_STOPPED;
          result.status = child->reported_signal_;
          result.wait_status = 0x7f | child->reported_signal_ << 8;
          return result;
        }
        if (child->report_continue_ && (request.options & WCONTINUED) != 0) {
          if ((request.options & WNOWAIT) == 0) child->report_continue_ = false;
          result.code = CLD_CONTINUED;
          result.status = SIGCONT;
          result.wait_status = 0xffff;
          return result;
        }
      }
      if (!eligible) return err(ECHILD);
    }
    if ((request.options & WNOHANG) != 0) return WaitResult{};
    if (!entry) {
      // Look once more now that we would be woken.
      entry.emplace(self.child_events_, waiter);
      continue;
    }
    TRY_VOID(waiter.sleep());
  }
}

}  // namespace quire::task
