// What /proc, terminals and file locks ask about processes. The task component implements it.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "kernel/mm/address_space.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/fs_context.h"

namespace quire::vfs {

/// One thread, as /proc/PID/stat and status show it.
struct ThreadInfo {
  int tid = 0;
  std::string comm;
  char state = 'S';
  u64 user_ns = 0, system_ns = 0;
  u64 start_ns = 0;  // since the sandbox started
  u64 pending = 0, blocked = 0;
  int policy = 0, priority = 0, nice = 0;
  u64 voluntary_switches = 0, involuntary_switches = 0;
};

/// One process, as /proc/PID shows it.
struct ProcessStatus {
  int pid = 0, parent = 0, group = 0, session = 0;
  u64 terminal = 0;         // dev_t of the controlling terminal
  int terminal_group = -1;  // its foreground group
  int exit_signal = 17;
  u64 shared_pending = 0, ignored = 0, caught = 0;
  u64 minor_faults = 0, major_faults = 0;
  int oom_score_adj = 0;
  bool no_new_privs = false;
  bool dumpable = true;
};

struct ResourceLimit {
  u64 soft = ~u64{0}, hard = ~u64{0};
};

/// A process to look at, for as long as the reference is held. What an exited process no longer has
/// comes back null or empty.
class ProcessView : public RefCounted {
 public:
  virtual ProcessStatus status() = 0;
  virtual std::vector<int> threads() = 0;
  /// ESRCH.
  virtual Result<ThreadInfo> thread(int tid) = 0;
  virtual Ref<mm::AddressSpace> mm() = 0;
  virtual Ref<FdTable> fds() = 0;
  virtual Ref<FsContext> fs() = 0;
  virtual Ref<const Credentials> credentials() = 0;
  /// The executable; empty for none.
  virtual Path executable() = 0;
  /// Indexed by RLIMIT_*.
  virtual std::array<ResourceLimit, 16> limits() = 0;
  /// The auxiliary vector as given to the program, 8-byte words.
  virtual std::vector<u64> auxiliary_vector() = 0;
  virtual Result<> set_comm(int tid, std::string comm) = 0;
  virtual Result<> set_oom_score_adj(int value) = 0;
};

/// All processes of the sandbox.
class Processes {
 public:
  virtual ~Processes() = default;
  /// The process, and thread, whose system call the calling kernel thread carries out; null / 0 on
  /// threads of the kernel's own.
  virtual Ref<ProcessView> current() = 0;
  virtual int current_pid() = 0;
  virtual int current_tid() = 0;
  virtual int current_group() = 0;
  virtual int current_session() = 0;
  virtual std::vector<int> pids() = 0;
  /// By pid, or by the id of any of its threads. Null if there is none.
  virtual Ref<ProcessView> find(int pid) = 0;
  /// Sends a signal from the kernel. ESRCH.
  virtual Result<> signal_process(int pid, int signo) = 0;
  virtual Result<> signal_group(int group, int signo) = 0;
  /// A group whose members cannot be stopped by a terminal (nobody in the session watches it).
  virtual bool group_is_orphaned(int group) = 0;
  /// True if some process of `group` is in `session`.
  virtual bool group_in_session(int group, int session) = 0;
  // Controlling terminals. A terminal is whatever object the file system that owns it handed in.
  /// The calling process's; null: none.
  virtual Ref<RefCounted> terminal() = 0;
  /// TIOCSCTTY: makes `terminal` that of the caller's session, its group the foreground. EPERM unless
  /// the caller leads a session without one (and no other session has it, unless `steal`).
  virtual Result<> set_terminal(Ref<RefCounted> terminal, bool steal) = 0;
  /// TIOCNOTTY, or hang-up: the session has it no longer; SIGHUP and SIGCONT go to its foreground.
  virtual void drop_terminal(const RefCounted& terminal) = 0;
  /// The session that `terminal` controls and its foreground group; 0: none.
  virtual int terminal_session(const RefCounted& terminal) = 0;
  virtual int terminal_foreground(const RefCounted& terminal) = 0;
  virtual Result<> set_terminal_foreground(const RefCounted& terminal, int group) = 0;
  /// Does the calling task ignore or block `signo`?
  virtual bool current_ignores_or_blocks(int signo) = 0;
  /// A new address space as a file of /proc/mm. ENOMEM.
  virtual Result<Ref<File>> open_new_mm(int flags) = 0;
  virtual mm::MemoryManager& memory() = 0;
  /// CPUs that guests see.
  virtual unsigned cpus() = 0;
  /// Forks since the start, for /proc/stat and /proc/loadavg.
  virtual u64 total_forks() = 0;
};

/// The one instance, set at start; null in tests without tasks.
Processes* processes();
void set_processes(Processes* p);

}  // namespace quire::vfs
