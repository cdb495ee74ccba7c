// fork, vfork, clone and clone3: one function, as the flags decide what is shared.
#include <sched.h>

#include <algorithm>

#include "kernel/abi/restart.h"
#include "kernel/task/host_threads.h"
#include "kernel/task/kernel.h"
#include "kernel/task/limits.h"
#include "kernel/task/pidfd.h"
#include "kernel/task/process_timers.h"
#include "kernel/task/undertaker.h"
#include "kernel/task/vfork_done.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/fs_context.h"

namespace quire::task {

namespace {

constexpr u64 clone_clear_sighand = 0x100000000, clone_into_cgroup = 0x200000000;
constexpr u64 namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                           CLONE_NEWPID | CLONE_NEWNET | 0x80 /* CLONE_NEWTIME */;

Result<> check_flags(u64 flags) {
  auto has = [flags](u64 f) { return (flags & f) != 0; };
  if (has(CLONE_SIGHAND) && !has(CLONE_VM)) return err(EINVAL);
  if (has(CLONE_THREAD) && !has(CLONE_SIGHAND)) return err(EINVAL);
  if (has(clone_clear_sighand) && has(CLONE_SIGHAND)) return err(EINVAL);
  if (has(CLONE_FS) && has(CLONE_NEWNS)) return err(EINVAL);
  if (has(CLONE_THREAD) && has(CLONE_NEWUSER | CLONE_NEWPID)) return err(EINVAL);
  if (has(CLONE_PIDFD) && has(CLONE_THREAD)) return err(EINVAL);
  if (has(clone_into_cgroup)) return err(EINVAL);
  // The sandbox has one of each namespace.
  if (has(namespaces)) return err(EPERM);
  return {};
}

/// Tasks whose real user is `uid`.
std::size_t tasks_of(const Kernel& kernel, u32 uid) {
  std::size_t n = 0;
  for (const Ref<Process>& process : kernel.processes())
    for (const Ref<Task>& task : process->tasks())
      if (auto c = task->credentials_snapshot(); c && c->uid == uid) ++n;
  return n;
}

}  // namespace

Result<Pid> Kernel::clone(Task& parent, const CloneRequest& request) {
  const u64 flags = request.flags;
  auto has = [flags](u64 f) { return (flags & f) != 0; };
  TRY_VOID(check_flags(flags));
  Process& self = parent.process();
  // A signal to the group must reach either both or the parent before it forks.
  if (parent.interrupted()) return err(abi::restart_nointr);
  if (task_count() >= options_.max_tasks) return err(EAGAIN);
  // All tasks are hardly ever too many, so that they need not be counted by user.
  if (const struct rlimit most = self.limit(RLIMIT_NPROC);
      task_count() >= most.rlim_cur && !parent.credentials().capable(24) &&
      tasks_of(*this, parent.credentials().uid) >= most.rlim_cur)
    return err(EAGAIN);

  std::unique_ptr<platform::Context> context = TRY(platform_.create_context());
  TRY_VOID(context->copy_state_from(parent.context()));
  // What dead children still share would have to be copied, and for a large process that is not little.
  // Its child is for something that takes a while, and what both write to at once takes more than moving
  // there.
  const bool large_fork = !has(CLONE_VM) && parent.own_mm().virtual_bytes() >= mm::large_space;
  if (large_fork) {
    finish_burials();
    context->start_elsewhere();
  }
  Ref<mm::AddressSpace> mm = parent.mm_;
  if (!has(CLONE_VM)) {
    const mm::GuestGate::Closed closed(parent.own_mm().gate());
    mm = TRY(parent.own_mm().fork(closed.alone(), GuestAddr(parent.regs().rsp)));
  }
  platform::Registers& regs = context->regs();
  regs.rax = 0;
  regs.orig_rax = ~u64{0};
  if (request.stack != GuestAddr{}) regs.rsp = request.stack.value();
  if (has(CLONE_SETTLS)) {
    if (request.tls >= u64{1} << 47) return err(EPERM);
    regs.fs_base = request.tls;
  }

  LockGuard table(table_lock_);
  if (closing_) return err(EAGAIN);
  Pid id = 0;
  if (request.set_tid != 0) {
    if (id_in_use(request.set_tid)) return err(EEXIST);
    id = request.set_tid;
  } else {
    id = TRY(new_id());
  }
  table.unlock();

  Ref<Process> process(&self);
  if (!has(CLONE_THREAD)) {
    Ref<SignalActions> actions;
    {
      LockGuard guard(self.signal_lock_);
      actions = self.actions_;
    }
    if (!has(CLONE_SIGHAND)) {
      auto copy = make_ref<SignalActions>();
      LockGuard from(actions->lock);
      auto all = actions->action;
      from.unlock();
      if (has(clone_clear_sighand))
        for (SignalAction& a : all)
          if (a.handler != 1) a = {};
      LockGuard to(copy->lock);
      copy->action = all;
      to.unlock();
      actions = std::move(copy);
    }
    process = make_ref<Process>(*this, id, std::move(actions));
    process->copy_limits(self);
    if (self.limit(RLIMIT_CPU).rlim_cur != RLIM_INFINITY) apply_cpu_limit(*process);
    process->set_program(self.executable(), self.auxiliary_vector());
    process->dumpable = self.dumpable.load();
    process->personality = self.personality.load();
    process->oom_score_adj = self.oom_score_adj.load();
    process->huge_pages_off = self.huge_pages_off.load();
    process->exit_signal_ = request.exit_signal;
  }
  auto task = make_ref<Task>(*this, process, id);
  task->context_ = std::move(context);
  task->mm_ = std::move(mm);
  task->fds_ = has(CLONE_FILES) ? parent.fds_ : parent.fds_->copy();
  task->fs_ = has(CLONE_FS) ? parent.fs_ : parent.fs_->copy();
  task->credentials_ = parent.credentials_;
  task->blocked_ = parent.blocked();
  task->set_comm(parent.comm());
  task->nice = parent.nice;
  task->timer_slack_ns = parent.timer_slack_ns;
  task->scheduling = parent.scheduling;
  if (parent.scheduling.reset_on_fork) task->scheduling = {};
  if (!has(CLONE_VM) && task->scheduling.real_time()) task->mm_->set_real_time(true);
  // The alternate stack stays with memory of its own, or where vfork lends the parent's.
  if (!has(CLONE_VM) || has(CLONE_VFORK)) task->altstack = parent.altstack;
  if (has(CLONE_CHILD_SETTID)) task->set_child_tid = request.child_tid;
  if (has(CLONE_CHILD_CLEARTID)) task->clear_child_tid = request.child_tid;
  Ref<VforkDone> vfork;
  if (has(CLONE_VFORK)) task->vfork_done_ = vfork = make_ref<VforkDone>();
  task->publish_answers();

  if (has(CLONE_PARENT_SETTID)) (void)parent.mm().write(request.parent_tid, i32{id});
  if (has(CLONE_PIDFD)) {
    const int fd =
        TRY(parent.fds().install(make_pidfd(process, 0), true, self.limit(RLIMIT_NOFILE).rlim_cur));
    if (!parent.mm().write(request.pidfd, i32{fd})) {
      (void)parent.fds().close(fd);
      return err(EFAULT);
    }
  }

  table.lock();
  if (closing_) return err(EAGAIN);
  if (!has(CLONE_THREAD)) {
    Process* father = has(CLONE_PARENT) ? self.parent_ : &self;
    if (father == nullptr) father = reaper_.get();
    if (has(CLONE_PARENT)) process->exit_signal_ = self.exit_signal_;
    process->parent_ = father;
    process->group_ = self.group_;
    process->session_ = self.session_;
    father->children_.push_back(process);
    processes_.emplace(id, process);
  }
  tasks_.emplace(id, task.get());
  {
    LockGuard guard(process->signal_lock_);
    if (has(CLONE_THREAD) &&
        (process->exiting_.load(std::memory_order_relaxed) || process->exec_by_ != nullptr)) {
      // This thread is about to be ended; the new one must not come to life.
      tasks_.erase(id);
      return err(abi::restart_nointr);
    }
    process->threads_.push_back(task.get());
  }
  table.unlock();

  if (Result<> started = start(task, large_fork); !started) {
    forget_unstarted(*task);
    return err(EAGAIN);
  }
  if (!has(CLONE_THREAD)) processes_created_.fetch_add(1, std::memory_order_relaxed);
  if (vfork) vfork->wait();
  return id;
}

}  // namespace quire::task
