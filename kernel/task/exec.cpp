// execve: the new image is built first and whole, so that every failure leaves the caller as it was.
#include <algorithm>

#include "kernel/abi/restart.h"
#include "kernel/task/kernel.h"
#include "kernel/task/limits.h"
#include "kernel/task/process_timers.h"
#include "kernel/task/program_image.h"
#include "kernel/task/vfork_done.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/fs_context.h"

namespace quire::task {

namespace {

constexpr u64 user_cs = 0x33, user_ss = 0x2b, initial_flags = 0x202;
constexpr u32 no_randomise = 0x0040000;  // ADDR_NO_RANDOMIZE

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

/// Ends every other thread of the process; the caller takes over the leader's id.
Result<> Kernel::stop_other_threads(Task& task) {
  Process& process = task.process();
  LockGuard guard(process.signal_lock_);
  if (process.threads_.size() > 1) {
    // Two threads may exec at once: the second one dies as any other.
    if (process.exiting_.load(std::memory_order_relaxed) || process.exec_by_ != nullptr)
      return err(abi::restart_nointr);
    process.exec_by_ = &task;
    for (Task* t : process.threads_) {
      if (t == &task) continue;
      t->exec_leaves_ = true;
      t->kick(true);
      if (t->waiter_ != nullptr) t->waiter_->wake();
    }
    guard.unlock();
    vfs::WaitEntry entry(process.thread_events_, vfs::Waiter::current());
    guard.lock();
    while (process.threads_.size() > 1) {
      guard.unlock();
      const bool killed = !vfs::Waiter::current().sleep_killable();
      guard.lock();
      if (killed && process.exiting_.load(std::memory_order_relaxed)) {
        process.exec_by_ = nullptr;
        return err(abi::restart_nointr);
      }
    }
    process.exec_by_ = nullptr;
  }
  guard.unlock();
  if (task.tid() != process.pid()) {
    LockGuard table(table_lock_);
    tasks_.erase(task.tid());
    task.tid_ = process.pid();
    tasks_.emplace(task.tid(), &task);
  }
  return {};
}

Result<> Kernel::exec(Task& task, ExecRequest request) {
  Process& process = task.process();
  const vfs::Lookup at{task.fs().root(), task.fs().cwd(), task.credentials(), task.fs().umask()};
  ProgramRequest build;
  build.file = request.file ? std::move(request.file) : TRY(vfs::open_exec(at, request.path));
  build.path = std::move(request.path);
  build.argv = std::move(request.argv);
  build.envp = std::move(request.envp);
  if (build.argv.empty()) build.argv.emplace_back();  // as Linux since 5.18
  build.stack_limit = process.limit(RLIMIT_STACK).rlim_cur;
  build.randomise = (process.personality.load() & no_randomise) == 0;
  build.limits = memory_limits(process, task.credentials());
  const std::string name = base_name(build.path);
  Program program = TRY(build_program(*this, at, std::move(build)));

  TRY_VOID(stop_other_threads(task));

  // From here on nothing fails.
  execs_.fetch_add(1, std::memory_order_relaxed);
  if (task.fds_->ref_count() > 1) task.set_fds(task.fds_->copy());
  task.fds_->close_on_exec();
  {
    LockGuard guard(process.signal_lock_);
    std::array<SignalAction, signal_count + 1> kept;
    {
      LockGuard from(process.actions_->lock);
      kept = process.actions_->action;
    }
    for (SignalAction& a : kept)
      a = {.handler = a.handler == 1 ? u64{1} : u64{0}, .flags = 0, .restorer = 0, .mask = 0};
    auto fresh = make_ref<SignalActions>();
    {
      LockGuard to(fresh->lock);
      fresh->action = kept;
    }
    std::swap(process.actions_, fresh);
    guard.unlock();
  }
  process.timers().clear(false);
  task.altstack = {};
  task.restart = {};
  task.clear_child_tid = {};
  task.set_child_tid = {};
  task.robust_list = {};
  task.set_comm(name);
  process.set_program(program.file->path(), std::move(program.auxiliary_vector));
  process.dumpable = true;
  {
    LockGuard table(table_lock_);
    process.has_execed_ = true;
  }
  if (task.scheduling.real_time()) program.mm->set_real_time(true);
  program.mm->set_huge_pages_off(process.huge_pages_off);
  task.context().reset();  // lets go of the old address space, too
  task.set_mm(std::move(program.mm));
  platform::Registers& regs = task.regs();
  regs.rip = program.entry;
  regs.rsp = program.stack_pointer;
  regs.cs = user_cs;
  regs.ss = user_ss;
  regs.rflags = initial_flags;
  regs.orig_rax = ~u64{0};
  task.publish_answers();
  return {};
}

}  // namespace quire::task
