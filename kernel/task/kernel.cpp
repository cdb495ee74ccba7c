#include "kernel/task/kernel.h"

#include <sched.h>
#include <sys/random.h>

#include <algorithm>
#include <thread>

#include "kernel/mm/charges.h"
#include "kernel/task/futex.h"
#include "kernel/task/host_threads.h"
#include "kernel/task/process_directory.h"
#include "kernel/task/process_timers.h"
#include "kernel/task/run_loop.h"
#include "kernel/task/timer_queue.h"
#include "kernel/task/undertaker.h"
#include "kernel/task/vfork_done.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/fs_context.h"

namespace quire::task {

namespace {

constexpr Pid reaper_pid = 1;
constexpr Pid max_id = 4194304;
constexpr Pid first_id_after_wrap = 300;

thread_local Task* current_task = nullptr;

siginfo_t kernel_signal(int signo) {
  siginfo_t info{};
  info.si_signo = signo;
  info.si_code = SI_KERNEL;
  return info;
}

}  // namespace

Task* Task::current() { return current_task; }

Kernel::Kernel(platform::Platform& platform, mm::MemoryManager& mm, KernelOptions options)
    : platform_(platform),
      mm_(mm),
      options_(std::move(options)),
      host_name_(options_.host_name),
      domain_name_("(none)"),
      calls_by_number_(options_.syscalls.size()),
      futexes_(std::make_unique<FutexTable>()),
      timers_(std::make_unique<TimerQueue>()),
      directory_(std::make_unique<ProcessDirectory>(*this)),
      threads_(std::make_unique<HostThreads>()) {
  vfs::set_processes(directory_.get());
}

Result<std::unique_ptr<Kernel>> Kernel::create(platform::Platform& platform, mm::MemoryManager& mm,
                                               KernelOptions options) {
  std::unique_ptr<Kernel> kernel(new Kernel(platform, mm, std::move(options)));
  kernel->reaper_ = make_ref<Process>(*kernel, reaper_pid, make_ref<SignalActions>());
  LockGuard table(kernel->table_lock_);
  kernel->reaper_->group_ = reaper_pid;
  kernel->reaper_->session_ = make_ref<Session>(reaper_pid);
  kernel->reaper_->session_->foreground = reaper_pid;
  kernel->processes_.emplace(reaper_pid, kernel->reaper_);
  table.unlock();
  mm.set_out_of_memory_handler([](void* self) { return static_cast<Kernel*>(self)->kill_largest(); },
                               kernel.get());
  mm.set_fork_expected_handler([threads = kernel->threads_.get()] { threads->keep_ready(); });
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) {
    kernel->cpu_mask_ = 0;
    for (unsigned c = 0; c < 64; ++c)
      if (CPU_ISSET(c, &cpus)) kernel->cpu_mask_ |= u64{1} << c;
  }
  return kernel;
}

Kernel::~Kernel() {
  shutdown();
  finish_burials();
  vfs::set_processes(nullptr);
  mm_.set_out_of_memory_handler(nullptr, nullptr);
  mm_.set_fork_expected_handler(nullptr);
  timers_.reset();
  threads_.reset();
  LockGuard table(table_lock_);
  for (auto& [pid, process] : processes_) process->children_.clear();
}

Result<> Kernel::start_init(InitProgram program) {
  LockGuard table(table_lock_);
  const Pid pid = TRY(new_id());
  table.unlock();

  auto actions = make_ref<SignalActions>();
  {
    LockGuard guard(actions->lock);
    for (int s = 1; s <= signal_count; ++s)
      if ((program.ignored & signal_bit(s)) != 0) actions->action[static_cast<std::size_t>(s)].handler = 1;
  }
  init_ = make_ref<Process>(*this, pid, std::move(actions));
  {
    LockGuard guard(init_->attributes_lock_);
    for (int r = 0; r < static_cast<int>(RLIM_NLIMITS); ++r)
      if (getrlimit(static_cast<__rlimit_resource>(r), &init_->limits_[static_cast<std::size_t>(r)]) != 0)
        init_->limits_[static_cast<std::size_t>(r)] = {RLIM_INFINITY, RLIM_INFINITY};
    for (const auto& [resource, limit] : program.limits)
      if (resource >= 0 && resource < static_cast<int>(RLIM_NLIMITS))
        init_->limits_[static_cast<std::size_t>(resource)] = limit;
  }
  auto task = make_ref<Task>(*this, init_, pid);
  task->fds_ = std::move(program.fds);
  task->fs_ = std::move(program.fs);
  task->credentials_ = std::move(program.credentials);
  task->blocked_ = program.blocked & ~unblockable;
  task->context_ = TRY(platform_.create_context());
  task->publish_answers();

  table.lock();
  init_->parent_ = reaper_.get();
  init_->group_ = reaper_->group_;
  init_->session_ = reaper_->session_;
  reaper_->children_.push_back(init_);
  processes_.emplace(pid, init_);
  tasks_.emplace(pid, task.get());
  {
    LockGuard guard(init_->signal_lock_);
    init_->threads_.push_back(task.get());
  }
  table.unlock();
  processes_created_.fetch_add(1, std::memory_order_relaxed);

  Result<> loaded = exec(
      *task,
      {.path = program.path, .file = {}, .argv = std::move(program.argv), .envp = std::move(program.envp)});
  if (loaded) loaded = start(task);
  if (!loaded) {
    forget_unstarted(*task);
    return loaded;
  }
  return {};
}

Result<> Kernel::start(const Ref<Task>& task, bool elsewhere) {
  live_tasks_.fetch_add(1, std::memory_order_relaxed);
  tasks_created_.fetch_add(1, std::memory_order_relaxed);
  const Result<> started = threads_->run(
      [this, task = Ref<Task>(task)]() mutable {
        current_task = task.get();
        RunLoop(*task).run();
        current_task = nullptr;
        // The last reference may be a look-up elsewhere; what counts is that the tables no longer know it.
        task = nullptr;
        LockGuard table(table_lock_);
        if (live_tasks_.fetch_sub(1, std::memory_order_acq_rel) == 1) all_gone_.notify_all();
      },
      elsewhere ? HostThreads::Place::elsewhere : HostThreads::Place::beside);
  if (!started) live_tasks_.fetch_sub(1, std::memory_order_relaxed);
  return started;
}

void Kernel::forget_unstarted(Task& task) {
  task.set_mm(nullptr);
  task.set_fds(nullptr);
  task.set_fs(nullptr);
  Ref<Process> process(&task.process());  // outlives the table's reference
  LockGuard table(table_lock_);
  LockGuard guard(process->signal_lock_);
  std::erase(process->threads_, &task);
  const bool last = process->threads_.empty();
  guard.unlock();
  tasks_.erase(task.tid());
  if (last) reap(*process);
}

ExitStatus Kernel::wait_init() {
  // The first program's first child finds a thread that is ready, and has its own heap: beside the program's
  // start.
  (void)threads_->run([] {
    const std::vector<std::byte> warm(64);
    asm volatile("" ::"r"(warm.data()) : "memory");
  });
  vfs::WaitEntry entry(init_events_, vfs::Waiter::current());
  for (;;) {
    {
      LockGuard table(table_lock_);
      if (init_->zombie_) return init_->exit_status_;
    }
    (void)vfs::Waiter::current().sleep_killable();
  }
}

void Kernel::shutdown() {
  LockGuard table(table_lock_);
  closing_ = true;
  while (live_tasks_.load(std::memory_order_acquire) != 0) {
    // Again until none is left: a clone may have been under way.
    for (auto& [pid, process] : processes_) process->begin_exit({.code = 0, .signo = SIGKILL, .core = false});
    all_gone_.wait_until(table_lock_, vfs::Clock::now() + std::chrono::milliseconds(50));
  }
}

void Kernel::signal_init(int signo) {
  if (init_) init_->send(kernel_signal(signo));
}

void Kernel::signal_foreground(int signo) {
  Pid group;
  {
    LockGuard table(table_lock_);
    group = reaper_->session_->foreground;
  }
  (void)send_to_group(group, kernel_signal(signo));
}

// --- statistics
// -----------------------------------------------------------------------------------------------

void Kernel::count_call(u64 number, const SyscallRow* row) {
  if (row != nullptr && row->handler != nullptr && !options_.count_calls) [[likely]]
    return;
  if (number < calls_by_number_.size())
    calls_by_number_[number].fetch_add(1, std::memory_order_relaxed);
  else
    unknown_calls_.fetch_add(1, std::memory_order_relaxed);
}

void Kernel::drop_counters(const Task& task) {
  LockGuard guard(statistics_lock_);
  ended_.calls_trapped += task.calls_trapped_;
  ended_.calls_patched += task.calls_patched_;
  ended_.calls_in_stub += task.context_->answered_in_stub();
  ended_.faults += task.minor_faults_ + task.major_faults_;
  ended_.interrupts += task.interrupts_;
  ended_.exceptions += task.exceptions_;
}

KernelStatistics Kernel::statistics() const {
  KernelStatistics s;
  {
    LockGuard table(table_lock_);
    LockGuard guard(statistics_lock_);
    s = ended_;
    for (const auto& [tid, task] : tasks_) {
      s.calls_trapped += task->calls_trapped_;
      s.calls_patched += task->calls_patched_;
      s.calls_in_stub += task->context_->answered_in_stub();
      s.faults += task->minor_faults_ + task->major_faults_;
      s.interrupts += task->interrupts_;
      s.exceptions += task->exceptions_;
    }
  }
  s.tasks_created = tasks_created_;
  s.processes_created = processes_created_;
  s.execs = execs_;
  s.signals_delivered = signals_delivered_;
  for (u32 n = 0; n < calls_by_number_.size(); ++n) {
    const u64 calls = calls_by_number_[n];
    if (calls == 0) continue;
    const SyscallRow* row = options_.syscalls[n];
    s.by_call.push_back(
        {n, row != nullptr ? row->name : "unknown", calls, row != nullptr && row->handler != nullptr});
  }
  if (unknown_calls_ != 0) s.by_call.push_back({~u32{0}, "beyond the table", unknown_calls_, false});
  return s;
}

void Kernel::interrupt_running(Process* only, Task& caller) {
  std::vector<Ref<Process>> targets;
  if (only != nullptr)
    targets.emplace_back(only);
  else
    targets = processes();
  for (const Ref<Process>& process : targets) {
    for (const Ref<Task>& task : process->tasks()) {
      if (task.get() == &caller || !task->in_guest_.load(std::memory_order_seq_cst)) continue;
      const u64 before = task->guest_exits_.load(std::memory_order_acquire);
      task->active_context_.load(std::memory_order_acquire)->interrupt();
      while (task->in_guest_.load(std::memory_order_acquire) &&
             task->guest_exits_.load(std::memory_order_acquire) == before)
        std::this_thread::yield();
    }
  }
}

double Kernel::ns_per_tick() const {
  const u64 ticks = __builtin_ia32_rdtsc() - boot_ticks_;
  const auto ns = std::chrono::nanoseconds(vfs::Clock::now() - boot_time_).count();
  return ticks != 0 ? static_cast<double>(ns) / static_cast<double>(ticks) : 0;
}

bool Kernel::some_killed_holds_memory() const {
  for (const Ref<Process>& process : processes())
    if (const Ref<Task> task = process->exiting() ? process->any_task() : nullptr)
      if (task->mm_snapshot()) return true;
  return false;
}

/// Out of memory: the process that holds most goes, as oom_score_adj shifts it (in thousandths of all).
bool Kernel::kill_largest() {
  // Who was killed before gives its memory back first; nobody else need go for that.
  constexpr std::chrono::milliseconds patience(500), step(5);
  const bool some = some_killed_holds_memory();
  for (std::chrono::milliseconds waited(0); some && waited < patience; waited += step) {
    if (vfs::Waiter::current().interrupted()) return true;  // that one may be ourselves
    std::this_thread::sleep_for(step);
    if (!some_killed_holds_memory()) return true;
  }
  constexpr double alike = 0.9;
  Ref<Process> worst;
  double most = 0;
  for (const Ref<Process>& process : processes()) {
    const Ref<Task> task = process->any_task();
    if (!task || process->exiting() || process->oom_score_adj.load() == -1000) continue;
    const Ref<mm::AddressSpace> mm = task->mm_snapshot();
    if (!mm) continue;
    const double share = static_cast<double>(mm->residency().resident * page_size + mm::overhead_bytes(*mm)) +
                         process->oom_score_adj.load() / 1000.0 * static_cast<double>(mm_.total_bytes());
    // Of those that are about as large the youngest: it had no time yet to be of use.
    if (share < alike * most) continue;
    most = std::max(most, share);
    worst = process;
  }
  if (!worst) return false;
  worst->begin_exit({.code = 0, .signo = SIGKILL, .core = false});
  return true;
}

u64 Kernel::random() {
  u64 v = 0;
  // Eight bytes never come in part.
  if (getrandom(&v, sizeof v, 0) != sizeof v)
    v = static_cast<u64>(vfs::Clock::now().time_since_epoch().count());
  return v;
}

std::string Kernel::host_name() const {
  LockGuard guard(names_lock_);
  return host_name_;
}
void Kernel::set_host_name(std::string name) {
  LockGuard guard(names_lock_);
  host_name_ = std::move(name);
}
std::string Kernel::domain_name() const {
  LockGuard guard(names_lock_);
  return domain_name_;
}
void Kernel::set_domain_name(std::string name) {
  LockGuard guard(names_lock_);
  domain_name_ = std::move(name);
}

// --- look-up
// ----------------------------------------------------------------------------------------------------

Ref<Process> Kernel::find_process(Pid pid) const {
  LockGuard table(table_lock_);
  auto it = processes_.find(pid);
  return it == processes_.end() ? Ref<Process>() : it->second;
}

Ref<Task> Kernel::find_task(Pid tid) const {
  LockGuard table(table_lock_);
  auto it = tasks_.find(tid);
  return it == tasks_.end() ? Ref<Task>() : Ref<Task>(it->second);
}

std::vector<Ref<Process>> Kernel::processes() const {
  LockGuard table(table_lock_);
  std::vector<Ref<Process>> all;
  for (const auto& [pid, process] : processes_) all.push_back(process);
  return all;
}

bool Kernel::id_in_use(Pid id) const {
  if (processes_.contains(id) || tasks_.contains(id)) return true;
  // Groups and sessions outlive their leaders; only after a wrap can a number meet one.
  if (!ids_wrapped_) return false;
  return std::any_of(processes_.begin(), processes_.end(), [id](const auto& entry) {
    return entry.second->group_ == id || entry.second->session_->id == id;
  });
}

Result<Pid> Kernel::new_id() {
  for (Pid tries = 0; tries < max_id; ++tries) {
    if (++last_id_ >= max_id) {
      last_id_ = first_id_after_wrap;
      ids_wrapped_ = true;
    }
    if (!id_in_use(last_id_)) return last_id_;
  }
  return err(EAGAIN);
}

// --- groups and sessions
// -------------------------------------------------------------------------------------------

void Kernel::for_each_in_group(Pid group, const std::function<void(Process&)>& visit) const {
  LockGuard table(table_lock_);
  for (const auto& [pid, process] : processes_)
    if (process->group_ == group && process->pid() != reaper_pid) visit(*process);
}

Result<> Kernel::send_to_group(Pid group, const siginfo_t& info) {
  bool found = false;
  for_each_in_group(group, [&](Process& process) {
    process.send(info);
    found = true;
  });
  if (!found) return err(ESRCH);
  return {};
}

bool Kernel::group_is_orphaned(Pid group) const {
  LockGuard table(table_lock_);
  return group_is_orphaned_locked(group, nullptr);
}

bool Kernel::group_is_orphaned_locked(Pid group, const Process* leaving) const {
  // Quire's own group is watched by whoever started Quire.
  if (group == reaper_pid) return false;
  for (const auto& [pid, process] : processes_) {
    if (process->group_ != group || process->zombie_ || process.get() == leaving) continue;
    const Process* parent = process->parent_;
    if (parent == nullptr || parent->pid() == reaper_pid) continue;
    if (parent->group_ != group && parent->session_ == process->session_) return false;
  }
  return true;
}

Result<Pid> Kernel::set_group(Task& caller, Pid pid, Pid group) {
  if (group < 0) return err(EINVAL);
  Process& self = caller.process();
  if (pid == 0) pid = self.pid();
  if (group == 0) group = pid;
  LockGuard table(table_lock_);
  auto it = processes_.find(pid);
  if (it == processes_.end()) return err(ESRCH);
  Process& target = *it->second;
  if (&target != &self) {
    if (target.parent_ != &self) return err(ESRCH);
    if (target.session_ != self.session_) return err(EPERM);
    if (target.has_execed_) return err(EACCES);
  }
  if (target.session_->id == target.pid()) return err(EPERM);
  if (group != target.pid()) {
    const bool exists = std::any_of(processes_.begin(), processes_.end(), [&](const auto& entry) {
      return entry.second->group_ == group && entry.second->session_ == self.session_;
    });
    if (!exists) return err(EPERM);
  }
  target.group_ = group;
  return 0;
}

Result<Pid> Kernel::new_session(Task& caller) {
  Process& self = caller.process();
  LockGuard table(table_lock_);
  const bool leads_group = std::any_of(processes_.begin(), processes_.end(),
                                       [&](const auto& entry) { return entry.second->group_ == self.pid(); });
  if (leads_group) return err(EPERM);
  self.session_ = make_ref<Session>(self.pid());
  self.group_ = self.pid();
  return self.pid();
}

// --- the end of tasks and processes
// ------------------------------------------------------------------------------------

void Kernel::before_first_run(Task& task) {
  // A forked child's first act is to write to its stack: cheaper now than as a fault of its own.
  if (task.mm_->ref_count() == 1) {
    const GuestAddr sp(task.regs().rsp);
    (void)task.own_mm().fault(sp, Access::write, sp);
  }
  if (task.set_child_tid == GuestAddr{}) return;
  const i32 tid = task.tid();
  // As Linux: a bad address is the child's own affair.
  (void)task.own_mm().write(task.set_child_tid, tid);
}

void Task::exit(int code) {
  leaving_ = true;
  LockGuard table(kernel_.table_lock_);
  if (tid() == pid()) process_->exit_status_ = {.code = code, .signo = 0, .core = false};
}

void Kernel::task_ends(Task& task) {
  Process& process = task.process();
  futexes_->exit_robust_list(task);
  // Others that share the memory wait for this word; alone, nobody could look any more.
  if (task.mm_->ref_count() > 1 || process.task_count() > 1) {
    if (task.clear_child_tid != GuestAddr{}) {
      const i32 zero = 0;
      if (task.own_mm().write(task.clear_child_tid, zero))
        (void)futexes_->wake(task.own_mm(), task.clear_child_tid, false, 1, ~u32{0});
    }
  }
  const u64 resident = task.mm_->ref_count() == 1 ? task.mm_->peak_resident_bytes() : 0;
  drop_counters(task);
  // Files go before anyone hears of the exit: whoever waited for it finds pipes closed.
  task.set_fds(nullptr);
  task.set_fs(nullptr);
  Ref<mm::AddressSpace> mm;
  {
    LockGuard guard(task.lock_);
    std::swap(mm, task.mm_);
  }
  task.context().reset();
  // So do huge pages: the pool is counted.
  if (mm->used_huge_pages()) mm = nullptr;
  if (task.vfork_done_) {
    task.vfork_done_->set();
    task.vfork_done_ = nullptr;
  }
  const Usage usage = task.usage();
  std::string comm = task.comm();
  bool last = false;
  ExitStatus status;
  {
    LockGuard table(table_lock_);
    tasks_.erase(task.tid());
    process.exited_threads_ += usage;
    process.exited_threads_.max_resident_bytes =
        std::max(process.exited_threads_.max_resident_bytes, resident);
    status = process.exit_status_;
    process.last_comm_ = std::move(comm);
    process.uid_ = task.credentials_->uid;
    LockGuard guard(process.signal_lock_);
    task.waiter_ = nullptr;
    // Signals chosen for this thread but not taken are for another one.
    const SignalSet left = process.pending_.set();
    std::erase(process.threads_, &task);
    last = process.threads_.empty();
    if (process.exiting_.load(std::memory_order_relaxed)) status = process.ending_;
    for (Task* t : process.threads_)
      if ((left & ~t->blocked()) != 0) t->kick();
    process.thread_events_.notify();
  }
  task.cpu_clock_.store(Task::no_clock, std::memory_order_release);
  if (last) {
    process.timers().clear(true);
    process.undo_at_exit = nullptr;
    if (options_.observer != nullptr) options_.observer->exited(task, status);
    process.set_program({}, {});
    LockGuard table(table_lock_);
    process_ends(process, status);
  }
  // After the parent was told: nobody waits for this.
  bury(std::move(mm));
}

void Kernel::process_ends(Process& process, ExitStatus status) {
  process.zombie_ = true;
  process.exit_status_ = status;
  process.exit_events_.notify();

  // A session leader takes the terminal with it.
  if (process.session_->id == process.pid() && process.session_->terminal) {
    const Pid foreground = process.session_->foreground;
    process.session_->terminal = nullptr;
    for (const auto& [pid, other] : processes_) {
      if (other->group_ != foreground || other->session_ != process.session_) continue;
      other->send(kernel_signal(SIGHUP));
      other->send(kernel_signal(SIGCONT));
    }
  }

  Process* heir = reaper_.get();
  for (Process* p = process.parent_; p != nullptr; p = p->parent_)
    if (p->child_subreaper.load(std::memory_order_relaxed) && !p->zombie_) {
      heir = p;
      break;
    }
  std::list<Ref<Process>> orphans;
  orphans.swap(process.children_);
  for (Ref<Process>& child : orphans) {
    for (const Ref<Task>& t : child->tasks())
      if (t->parent_death_signal != 0) child->send_to(*t, kernel_signal(t->parent_death_signal));
    child->parent_ = heir;
    child->exit_signal_ = SIGCHLD;
    Process& adopted = *child;
    heir->children_.push_back(std::move(child));
    if (!adopted.zombie_) continue;
    tell_parent(adopted, adopted.exit_status_.signo != 0 ? CLD_KILLED : CLD_EXITED, 0);
  }
  // Stopped groups that lost their last watcher are let go on.
  auto release = [&](Pid group) REQUIRES(table_lock_) {
    if (!group_is_orphaned_locked(group, &process)) return;
    bool stopped = false;
    for (const auto& [pid, other] : processes_) {
      if (other->group_ != group) continue;
      LockGuard guard(other->signal_lock_);
      stopped |= other->stopping_;
    }
    if (!stopped) return;
    for (const auto& [pid, other] : processes_)
      if (other->group_ == group && pid != reaper_pid) {
        other->send(kernel_signal(SIGHUP));
        other->send(kernel_signal(SIGCONT));
      }
  };
  release(process.group_);
  for (const Ref<Process>& child : heir->children_)
    if (child->group_ != process.group_) release(child->group_);

  const int code = status.signo == 0 ? CLD_EXITED : status.core ? CLD_DUMPED : CLD_KILLED;
  tell_parent(process, code, status.signo != 0 ? status.signo : status.code & 0xff);
}

/// Tells the parent that a child changed its state; a zombie that nobody will wait for goes at once.
void Kernel::tell_parent(Process& process, int code, int status) {
  Process& parent = *process.parent_;
  const bool ended = code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED;
  if (&process == init_.get() && ended) init_events_.notify();
  if (&parent == reaper_.get()) {
    if (ended && &process != init_.get()) reap(process);
    return;
  }
  const SignalAction action = parent.action(SIGCHLD);
  const int signo = ended ? process.exit_signal_ : SIGCHLD;
  bool forget = false;
  if (ended && signo == SIGCHLD) forget = action.handler == 1 || (action.flags & SA_NOCLDWAIT) != 0;
  const bool silent = !ended && (action.flags & SA_NOCLDSTOP) != 0;
  if (signo != 0 && !silent && action.handler != 1) {
    siginfo_t info{};
    info.si_signo = signo;
    info.si_code = code;
    info.si_pid = process.pid();
    info.si_status = status;
    info.si_uid = process.uid_;
    info.si_utime = static_cast<clock_t>(process.exited_threads_.user_ns / 10'000'000);
    info.si_stime = static_cast<clock_t>(process.exited_threads_.system_ns / 10'000'000);
    parent.send(info);
  }
  if (forget) reap(process);
  parent.child_events_.notify();
}

void Kernel::reap(Process& process) {
  const Ref<Process> keep(&process);
  process.reaped_ = true;
  if (process.parent_ != nullptr)
    process.parent_->children_.remove_if([&](const Ref<Process>& child) { return child.get() == &process; });
  process.parent_ = nullptr;
  processes_.erase(process.pid());
}

void Kernel::tell_parent_of_stop(Process& process, int signo) {
  {
    LockGuard table(table_lock_);
    if (process.zombie_ || process.parent_ == nullptr) return;
    process.report_stop_ = true;
    process.report_continue_ = false;
    process.reported_signal_ = signo;
    tell_parent(process, CLD_STOPPED, signo);
  }
  if (&process == init_.get() && options_.on_init_stopped) options_.on_init_stopped(signo);
}

void Kernel::tell_parent_of_continue(Process& process) {
  LockGuard table(table_lock_);
  if (process.zombie_ || process.parent_ == nullptr) return;
  process.report_stop_ = false;
  process.report_continue_ = true;
  tell_parent(process, CLD_CONTINUED, SIGCONT);
}

}  // namespace quire::task
