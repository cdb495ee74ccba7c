// A guest process (thread group): what its threads share whatever their clone flags.
//
// Locks: the kernel's table lock guards the tree (parent, children, group, session, wait state);
// signal_lock_ guards the thread list, pending signals and the stop and exit states. Table lock first.
#pragma once

#include <sys/resource.h>

#include <array>
#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "kernel/abi/lock_order.h"
#include "kernel/abi/types.h"
#include "kernel/task/signal_set.h"
#include "kernel/vfs/path.h"
#include "kernel/vfs/wait.h"

namespace quire::task {

class Kernel;
class Task;
class ProcessTimers;

/// A guest process, thread, group or session id.
using Pid = i32;

/// How a process ended.
struct ExitStatus {
  int code = 0;       // exit code, when signo is 0
  int signo = 0;      // the signal that killed it
  bool core = false;  // its default action dumps core
  /// As wait(2) hands it out.
  int wait_status() const { return signo != 0 ? (signo | (core ? 0x80 : 0)) : (code & 0xff) << 8; }
};

/// A session and its controlling terminal (an object of the file system that owns it).
struct Session : RefCounted {
  explicit Session(Pid leader) : id(leader) {}
  const Pid id;
  // The table lock guards these:
  Ref<RefCounted> terminal;  // null: none
  Pid foreground = 0;        // process group that may read from it
};

/// What rt_sigaction(2) sets; the kernel's struct sigaction.
struct SignalAction {
  u64 handler = 0;  // SIG_DFL 0, SIG_IGN 1
  u64 flags = 0;
  u64 restorer = 0;
  SignalSet mask = 0;
};

/// The table of actions, shared between processes made with CLONE_SIGHAND.
struct SignalActions : RefCounted {
  Mutex<locks::signal_actions> lock;
  std::array<SignalAction, signal_count + 1> action GUARDED_BY(lock);
};

/// CPU times and counts, for getrusage(2), times(2) and /proc.
struct Usage {
  u64 user_ns = 0, system_ns = 0;
  u64 minor_faults = 0, major_faults = 0, voluntary_switches = 0, max_resident_bytes = 0;
  Usage& operator+=(const Usage& o);
};

class Process : public RefCounted {
 public:
  Process(Kernel& kernel, Pid pid, Ref<SignalActions> actions);
  ~Process() override;

  Kernel& kernel() const { return kernel_; }
  Pid pid() const { return pid_; }

  // --- the tree: each takes the table lock ------------------------------------------------------------
  Pid parent_pid() const;
  Pid group_id() const;
  Ref<Session> session() const;

  // --- limits -------------------------------------------------------------------------------------------
  struct rlimit limit(int resource) const;
  Result<> set_limit(int resource, const struct rlimit& limit, bool privileged);
  void copy_limits(const Process& from);

  // --- threads -------------------------------------------------------------------------------------------
  /// The live threads, leader first where it lives. A snapshot.
  std::vector<Ref<Task>> tasks() const;
  std::size_t task_count() const;
  /// Some live thread, the leader by preference; null once all have exited.
  Ref<Task> any_task() const;

  // --- signals -------------------------------------------------------------------------------------------
  /// Sends to the whole process. Takes signal_lock_; permission was checked by the caller.
  void send(const siginfo_t& info);
  /// Sends to one thread.
  void send_to(Task& task, const siginfo_t& info);
  /// Ends every thread with this status (exit_group, a fatal signal); the first caller's status holds.
  void begin_exit(ExitStatus status);
  bool exiting() const { return exiting_.load(std::memory_order_acquire); }
  SignalSet pending_set() const;
  SignalAction action(int signo) const;
  /// rt_sigaction: returns the old action; what the new one ignores stops being pending.
  SignalAction set_action(int signo, const SignalAction& action);
  /// Told of every signal that becomes pending: signalfd polls it.
  vfs::WaitQueue& signal_events() { return signal_events_; }
  /// Told when the process has become a zombie: pidfd polls it.
  vfs::WaitQueue& exit_events() { return exit_events_; }
  bool has_exited() const;
  /// The name of the thread that left last: what a zombie is called.
  std::string last_comm() const;

  // --- what exec sets -------------------------------------------------------------------------------------
  /// The program's file, for /proc/PID/exe, and the auxiliary vector it was given.
  vfs::Path executable() const;
  std::vector<u64> auxiliary_vector() const;
  void set_program(vfs::Path executable, std::vector<u64> auxiliary_vector);

  Usage usage() const;  // live and exited threads; of their memory only what the exited had
  /// The most memory that it ever had resident. Looks at all of it.
  u64 peak_resident_bytes() const;
  Usage children_usage() const;  // waited-for descendants
  ProcessTimers& timers() { return *timers_; }
  vfs::Clock::time_point start_time() const { return start_time_; }

  /// Whatever is to be undone when the process ends (semaphores): dropped then. Guarded by its owner.
  Ref<RefCounted> undo_at_exit;

  std::atomic<bool> dumpable{true};
  std::atomic<bool> child_subreaper{false};
  std::atomic<u32> personality{0};
  std::atomic<int> oom_score_adj{0};
  std::atomic<bool> huge_pages_off{false};  // PR_SET_THP_DISABLE

 private:
  friend class Kernel;
  friend class Task;
  friend class RunLoop;
  friend class SignalDelivery;

  void send_locked(Task* to, const siginfo_t& info) REQUIRES(signal_lock_);
  void begin_exit_locked(ExitStatus status) REQUIRES(signal_lock_);
  void resume_locked() REQUIRES(signal_lock_);
  bool ignores(const Task* to, int signo) const REQUIRES(signal_lock_);
  bool all_stopped() const REQUIRES(signal_lock_);

  Kernel& kernel_;
  const Pid pid_;
  const vfs::Clock::time_point start_time_ = vfs::Clock::now();

  // Under the kernel's table lock.
  Process* parent_ = nullptr;
  std::list<Ref<Process>> children_;
  Pid group_ = 0;
  Ref<Session> session_;
  int exit_signal_ = SIGCHLD;
  bool has_execed_ = false;
  bool zombie_ = false;
  bool reaped_ = false;
  bool report_stop_ = false, report_continue_ = false;
  int reported_signal_ = 0;
  std::string last_comm_;
  u32 uid_ = 0;             // real user at the end, for SIGCHLD and wait
  ExitStatus exit_status_;  // as a zombie; before that, how its leader left by exit(2)
  Usage exited_threads_, waited_children_;

  mutable Mutex<locks::signals> signal_lock_;
  std::vector<Task*> threads_ GUARDED_BY(signal_lock_);
  SignalQueue pending_ GUARDED_BY(signal_lock_);
  Ref<SignalActions> actions_ GUARDED_BY(signal_lock_);
  bool stopping_ GUARDED_BY(signal_lock_) = false;  // job control: threads stop as they notice
  int stop_signal_ GUARDED_BY(signal_lock_) = 0;
  bool stop_told_ GUARDED_BY(signal_lock_) = false;     // the parent knows of the stop
  bool continue_due_ GUARDED_BY(signal_lock_) = false;  // the parent is yet to hear of SIGCONT
  Task* exec_by_ GUARDED_BY(signal_lock_) = nullptr;    // other threads end while it execs
  ExitStatus ending_ GUARDED_BY(signal_lock_);
  std::atomic<bool> exiting_{false};

  vfs::WaitQueue child_events_;   // a child changed state: wait4, waitid
  vfs::WaitQueue thread_events_;  // a thread left: exec
  vfs::WaitQueue exit_events_;    // this process became a zombie
  vfs::WaitQueue signal_events_;  // a signal became pending

  mutable Mutex<locks::process> attributes_lock_;
  std::array<struct rlimit, RLIM_NLIMITS> limits_ GUARDED_BY(attributes_lock_){};
  vfs::Path executable_ GUARDED_BY(attributes_lock_);
  std::vector<u64> auxiliary_vector_ GUARDED_BY(attributes_lock_);

  std::unique_ptr<ProcessTimers> timers_;
};

}  // namespace quire::task
