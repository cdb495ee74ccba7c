#include "kernel/task/process_directory.h"

#include <algorithm>
#include <chrono>

#include "kernel/task/mm_file.h"
#include "kernel/vfs/terminal.h"

namespace quire::task {

namespace {

class View final : public vfs::ProcessView {
 public:
  explicit View(Ref<Process> process) : process_(std::move(process)) {}

  vfs::ProcessStatus status() override {
    vfs::ProcessStatus s;
    s.pid = process_->pid();
    s.parent = process_->parent_pid();
    s.group = process_->group_id();
    const Ref<Session> session = process_->session();
    s.session = session->id;
    const auto [terminal, foreground] = process_->kernel().terminal_of(*session);
    if (auto* t = dynamic_cast<vfs::ControllingTerminal*>(terminal.get())) {
      s.terminal = t->device();
      s.terminal_group = foreground;
    }
    s.shared_pending = process_->pending_set();
    for (int signo = 1; signo <= signal_count; ++signo) {
      const u64 handler = process_->action(signo).handler;
      if (handler == 1) s.ignored |= signal_bit(signo);
      if (handler > 1) s.caught |= signal_bit(signo);
    }
    const Usage usage = process_->usage();
    s.minor_faults = usage.minor_faults;
    s.major_faults = usage.major_faults;
    s.oom_score_adj = process_->oom_score_adj.load();
    s.dumpable = process_->dumpable.load();
    if (const auto c = credentials()) s.no_new_privs = c->no_new_privs;
    return s;
  }

  std::vector<int> threads() override {
    std::vector<int> ids;
    for (const Ref<Task>& t : process_->tasks()) ids.push_back(t->tid());
    // A zombie still shows its leader.
    if (ids.empty()) ids.push_back(process_->pid());
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  Result<vfs::ThreadInfo> thread(int tid) override {
    vfs::ThreadInfo info;
    info.tid = tid;
    info.start_ns = static_cast<u64>(
        std::chrono::nanoseconds(process_->start_time() - process_->kernel().boot_time()).count());
    const Ref<Task> task = task_of(tid);
    if (!task) {
      if (tid != process_->pid()) return err(ESRCH);
      info.state = 'Z';
      info.comm = process_->last_comm();
      return info;
    }
    info.comm = task->comm();
    info.state = task->state();
    const Usage usage = task->usage();
    info.user_ns = usage.user_ns;
    info.system_ns = usage.system_ns;
    info.voluntary_switches = usage.voluntary_switches;
    info.pending = task->private_pending_set();
    info.blocked = task->blocked();
    info.policy = task->scheduling.policy;
    info.priority = task->scheduling.priority;
    info.nice = task->nice;
    return info;
  }

  Ref<mm::AddressSpace> mm() override { return of_task(&Task::mm_snapshot); }
  Ref<vfs::FdTable> fds() override { return of_task(&Task::fds_snapshot); }
  Ref<vfs::FsContext> fs() override { return of_task(&Task::fs_snapshot); }
  Ref<const vfs::Credentials> credentials() override { return of_task(&Task::credentials_snapshot); }
  vfs::Path executable() override { return process_->executable(); }
  std::vector<u64> auxiliary_vector() override { return process_->auxiliary_vector(); }

  std::array<vfs::ResourceLimit, 16> limits() override {
    std::array<vfs::ResourceLimit, 16> all;
    for (int r = 0; r < 16; ++r) {
      const struct rlimit l = process_->limit(r);
      all[static_cast<std::size_t>(r)] = {l.rlim_cur, l.rlim_max};
    }
    return all;
  }

  Result<> set_comm(int tid, std::string comm) override {
    const Ref<Task> task = task_of(tid);
    if (!task) return err(ESRCH);
    task->set_comm(std::move(comm));
    return {};
  }

  Result<> set_oom_score_adj(int value) override {
    if (value < -1000 || value > 1000) return err(EINVAL);
    process_->oom_score_adj = value;
    return {};
  }

 private:
  Ref<Task> task_of(int tid) const {
    for (const Ref<Task>& t : process_->tasks())
      if (t->tid() == tid) return t;
    return nullptr;
  }
  template <typename T>
  T of_task(T (Task::*snapshot)() const) const {
    const Ref<Task> task = process_->any_task();
    return task ? (task.get()->*snapshot)() : T();
  }

  const Ref<Process> process_;
};

siginfo_t kernel_signal(int signo) {
  siginfo_t info{};
  info.si_signo = signo;
  info.si_code = SI_KERNEL;
  return info;
}

}  // namespace

Ref<vfs::ProcessView> ProcessDirectory::current() {
  Task* task = Task::current();
  if (task == nullptr) return nullptr;
  return make_ref<View>(Ref<Process>(&task->process()));
}

int ProcessDirectory::current_pid() { return Task::current() != nullptr ? Task::current()->pid() : 0; }
int ProcessDirectory::current_tid() { return Task::current() != nullptr ? Task::current()->tid() : 0; }
int ProcessDirectory::current_group() {
  return Task::current() != nullptr ? Task::current()->process().group_id() : 0;
}
int ProcessDirectory::current_session() {
  return Task::current() != nullptr ? Task::current()->process().session()->id : 0;
}

std::vector<int> ProcessDirectory::pids() {
  std::vector<int> ids;
  for (const Ref<Process>& p : kernel_.processes())
    if (p->pid() != 1) ids.push_back(p->pid());
  std::sort(ids.begin(), ids.end());
  return ids;
}

Ref<vfs::ProcessView> ProcessDirectory::find(int pid) {
  Ref<Process> process = kernel_.find_process(pid);
  if (!process)
    if (const Ref<Task> task = kernel_.find_task(pid)) process = Ref<Process>(&task->process());
  if (!process || process->pid() == 1) return nullptr;
  return make_ref<View>(std::move(process));
}

Result<> ProcessDirectory::signal_process(int pid, int signo) {
  const Ref<Process> process = kernel_.find_process(pid);
  if (!process) return err(ESRCH);
  process->send(kernel_signal(signo));
  return {};
}

Result<> ProcessDirectory::signal_group(int group, int signo) {
  return kernel_.send_to_group(group, kernel_signal(signo));
}

bool ProcessDirectory::group_is_orphaned(int group) { return kernel_.group_is_orphaned(group); }

bool ProcessDirectory::group_in_session(int group, int session) {
  for (const Ref<Process>& p : kernel_.processes())
    if (p->group_id() == group && p->session()->id == session) return true;
  return false;
}

Ref<RefCounted> ProcessDirectory::terminal() {
  if (Task::current() == nullptr) return nullptr;
  return kernel_.terminal_of(*Task::current()->process().session()).first;
}

Result<> ProcessDirectory::set_terminal(Ref<RefCounted> terminal, bool steal) {
  Task* task = Task::current();
  if (task == nullptr) return err(EPERM);
  return kernel_.set_terminal(*task, std::move(terminal), steal);
}

void ProcessDirectory::drop_terminal(const RefCounted& terminal) { kernel_.drop_terminal(terminal); }

int ProcessDirectory::terminal_session(const RefCounted& terminal) {
  const Ref<Session> session = kernel_.session_of(terminal);
  return session ? session->id : 0;
}

int ProcessDirectory::terminal_foreground(const RefCounted& terminal) {
  const Ref<Session> session = kernel_.session_of(terminal);
  return session ? kernel_.terminal_of(*session).second : 0;
}

Result<> ProcessDirectory::set_terminal_foreground(const RefCounted& terminal, int group) {
  return kernel_.set_terminal_foreground(terminal, group);
}

bool ProcessDirectory::current_ignores_or_blocks(int signo) {
  Task* task = Task::current();
  if (task == nullptr) return true;
  return (task->blocked() & signal_bit(signo)) != 0 || task->process().action(signo).handler == 1;
}

unsigned ProcessDirectory::cpus() { return static_cast<unsigned>(__builtin_popcountll(kernel_.cpu_mask())); }

Result<Ref<vfs::File>> ProcessDirectory::open_new_mm(int flags) {
  Task* task = Task::current();
  if (task == nullptr) return err(ENXIO);
  return Ref<vfs::File>(make_ref<ProcMmFile>(TRY(make_empty_mm(*task)), flags));
}

}  // namespace quire::task
