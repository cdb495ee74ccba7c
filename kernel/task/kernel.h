// The running system as the composition root sees it: tables of processes, the first program, and
// what to report at the end.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"
#include "kernel/mm/memory_manager.h"
#include "kernel/platform/platform.h"
#include "kernel/task/process.h"
#include "kernel/task/syscall_row.h"
#include "kernel/task/task.h"
#include "kernel/vfs/file.h"

namespace quire::task {

class FutexTable;
class HostThreads;
class ProcessDirectory;
class TimerQueue;

/// Sees every system call (--strace). Called on the task's thread with no lock held.
class SyscallObserver {
 public:
  virtual ~SyscallObserver() = default;
  virtual void enter(Task& task, u32 number, const SyscallRow* row, const Args& args) = 0;
  virtual void leave(Task& task, u32 number, const SyscallRow* row, const Args& args,
                     const Result<u64>& result) = 0;
  virtual void signal(Task& task, const siginfo_t& info) = 0;
  virtual void exited(Task& task, const ExitStatus& status) = 0;
};

struct KernelOptions {
  SyscallTable syscalls;                // syscall::system_call_table()
  SyscallObserver* observer = nullptr;  // outlives the kernel
  unsigned max_tasks = 4096;            // more gives EAGAIN
  std::string host_name = "quire";
  bool count_calls = false;                        // count by number (--stats)
  std::function<void(int signo)> on_init_stopped;  // the first program stopped (job control)
};

/// The first program. Its process gets pid 2; pid 1 is the kernel's own reaper of orphans, whose
/// process group and session stand for those that Quire itself was started in.
struct InitProgram {
  std::string path;  // in the guest; looked up from fs's root and working directory
  std::vector<std::string> argv, envp;
  Ref<vfs::FdTable> fds;
  Ref<vfs::FsContext> fs;
  Ref<const vfs::Credentials> credentials;
  SignalSet ignored = 0;  // signals that start out ignored (nohup)
  SignalSet blocked = 0;
  std::vector<std::pair<int, struct rlimit>> limits;  // others are the host's
};

struct CallCount {
  u32 number = 0;
  std::string name;
  u64 calls = 0;
  bool implemented = false;
};

/// For --stats.
struct KernelStatistics {
  u64 calls_trapped = 0, calls_patched = 0, calls_in_stub = 0;
  u64 faults = 0, exceptions = 0, interrupts = 0;
  u64 tasks_created = 0, processes_created = 0, execs = 0, signals_delivered = 0;
  std::vector<CallCount> by_call;  // only with count_calls; calls without a handler always
};

class Kernel {
 public:
  /// `platform` and `mm` outlive the kernel. ENOMEM, EAGAIN.
  static Result<std::unique_ptr<Kernel>> create(platform::Platform& platform, mm::MemoryManager& mm,
                                                KernelOptions options);
  /// Ends every task first, as shutdown().
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  /// Loads and starts the first program. ENOENT, EACCES, ENOEXEC and the like when it cannot run.
  Result<> start_init(InitProgram program);
  /// Blocks until the first program has ended.
  ExitStatus wait_init();
  /// Kills every process and waits until all their threads have gone. Idempotent.
  void shutdown();

  /// Signals that reach Quire from outside: to the first program; to the terminal's foreground group.
  void signal_init(int signo);
  void signal_foreground(int signo);

  KernelStatistics statistics() const;

  // --- for the parts of the kernel -----------------------------------------------------------------------
  platform::Platform& platform() const { return platform_; }
  mm::MemoryManager& mm() const { return mm_; }
  const KernelOptions& options() const { return options_; }
  FutexTable& futexes() const { return *futexes_; }
  TimerQueue& timers() const { return *timers_; }
  vfs::Clock::time_point boot_time() const { return boot_time_; }

  std::string host_name() const;
  void set_host_name(std::string name);
  std::string domain_name() const;
  void set_domain_name(std::string name);

  /// Null when there is none (zombies are found as processes, not as tasks).
  Ref<Process> find_process(Pid pid) const;
  Ref<Task> find_task(Pid tid) const;
  std::vector<Ref<Process>> processes() const;
  unsigned task_count() const { return live_tasks_.load(std::memory_order_relaxed); }

  /// Visits the processes of a group. Takes the table lock around it.
  void for_each_in_group(Pid group, const std::function<void(Process&)>& visit) const;
  /// Sends to each process of a group; ESRCH when it is empty.
  Result<> send_to_group(Pid group, const siginfo_t& info);
  /// True when no member's parent is in another group of the same session (terminal reads then fail).
  bool group_is_orphaned(Pid group) const;

  Result<Pid> set_group(Task& caller, Pid pid, Pid group);
  Result<Pid> new_session(Task& caller);

  // Controlling terminals; see terminals.cpp.
  /// The terminal of the session that Quire was started in; call before start_init().
  void set_first_terminal(Ref<RefCounted> terminal);
  /// A session's terminal (null: none) and its foreground group.
  std::pair<Ref<RefCounted>, Pid> terminal_of(const Session& session) const;
  Ref<Session> session_of(const RefCounted& terminal) const;
  Result<> set_terminal(Task& task, Ref<RefCounted> terminal, bool steal);
  void drop_terminal(const RefCounted& terminal);
  Result<> set_terminal_foreground(const RefCounted& terminal, Pid group);

  /// Waiting for children; see wait.cpp.
  struct WaitRequest {
    enum class Who : u8 { any, pid, group } who = Who::any;
    Pid id = 0;
    int options = 0;  // WNOHANG, WEXITED, WSTOPPED, WCONTINUED, WNOWAIT, __WALL, __WCLONE
  };
  struct WaitResult {
    Pid pid = 0;  // 0: nothing yet (WNOHANG)
    u32 uid = 0;
    int code = 0;    // CLD_*
    int status = 0;  // exit code or signal
    int wait_status = 0;
    Usage usage;
  };
  Result<WaitResult> wait(Task& caller, const WaitRequest& request);

  /// clone(2) in all its forms; see clone.cpp. Returns the child's id.
  struct CloneRequest {
    u64 flags = 0;
    int exit_signal = 0;
    GuestAddr stack{};  // 0: the parent's
    u64 tls = 0;
    GuestAddr parent_tid{}, child_tid{};
    GuestAddr pidfd{};
    Pid set_tid = 0;
  };
  Result<Pid> clone(Task& parent, const CloneRequest& request);

  /// execve(2); see exec.cpp. Returns only on failure or with the new image in place.
  struct ExecRequest {
    std::string path;     // relative to the working directory
    Ref<vfs::File> file;  // execveat: what to run; path is then only its name
    std::vector<std::string> argv, envp;
  };
  Result<> exec(Task& task, ExecRequest request);

  /// CPUs that Quire may run on, one bit each.
  u64 cpu_mask() const { return cpu_mask_; }
  /// Makes every other task that runs guest code (of one process, or all) pass through the kernel, which
  /// is a memory barrier for it (membarrier). Returns when they have.
  void interrupt_running(Process* only, Task& caller);

  /// Nanoseconds in a tick of the time-stamp counter, as measured since the start.
  double ns_per_tick() const;
  u64 total_forks() const { return processes_created_.load(std::memory_order_relaxed); }
  /// A random number from the host.
  static u64 random();

 private:
  friend class RunLoop;
  friend class Process;
  friend class Task;
  Kernel(platform::Platform& platform, mm::MemoryManager& mm, KernelOptions options);

  // The run loop's side.
  void before_first_run(Task& task);
  void count_call(u64 number, const SyscallRow* row);
  void count_signal() { signals_delivered_.fetch_add(1, std::memory_order_relaxed); }
  void task_ends(Task& task);
  void tell_parent_of_stop(Process& process, int signo);
  void tell_parent_of_continue(Process& process);

  Result<Pid> new_id() REQUIRES(table_lock_);
  bool id_in_use(Pid id) const REQUIRES(table_lock_);
  Result<> start(const Ref<Task>& task, bool elsewhere = false);
  void process_ends(Process& process, ExitStatus status) REQUIRES(table_lock_);
  void tell_parent(Process& process, int code, int status) REQUIRES(table_lock_);
  void reap(Process& process) REQUIRES(table_lock_);
  bool group_is_orphaned_locked(Pid group, const Process* leaving) const REQUIRES(table_lock_);
  void drop_counters(const Task& task);
  Result<> stop_other_threads(Task& task);
  void forget_unstarted(Task& task);
  bool some_killed_holds_memory() const;
  bool kill_largest();

  platform::Platform& platform_;
  mm::MemoryManager& mm_;
  KernelOptions options_;
  const vfs::Clock::time_point boot_time_ = vfs::Clock::now();
  const u64 boot_ticks_ = __builtin_ia32_rdtsc();

  mutable Mutex<locks::process_table> table_lock_;
  CondVar all_gone_;
  std::unordered_map<Pid, Ref<Process>> processes_ GUARDED_BY(table_lock_);
  std::unordered_map<Pid, Task*> tasks_ GUARDED_BY(table_lock_);
  Ref<Process> reaper_;  // pid 1: adopts and forgets orphans
  Ref<Process> init_;    // the first program
  Pid last_id_ GUARDED_BY(table_lock_) = 1;
  bool ids_wrapped_ GUARDED_BY(table_lock_) = false;
  bool closing_ GUARDED_BY(table_lock_) = false;
  std::atomic<unsigned> live_tasks_{0};
  vfs::WaitQueue init_events_;
  u64 cpu_mask_ = 1;

  mutable Mutex<locks::process> names_lock_;
  std::string host_name_ GUARDED_BY(names_lock_), domain_name_ GUARDED_BY(names_lock_);

  std::atomic<u64> signals_delivered_{0}, tasks_created_{0}, processes_created_{0}, execs_{0};
  std::vector<std::atomic<u64>> calls_by_number_;
  std::atomic<u64> unknown_calls_{0};
  mutable Mutex<locks::statistics> statistics_lock_;
  KernelStatistics ended_ GUARDED_BY(statistics_lock_);  // counters of tasks that have gone

  std::unique_ptr<FutexTable> futexes_;
  std::unique_ptr<TimerQueue> timers_;
  std::unique_ptr<ProcessDirectory> directory_;
  std::unique_ptr<HostThreads> threads_;
};

}  // namespace quire::task
