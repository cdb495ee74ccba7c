// A guest task (thread): what a system call handler is given.
//
// Bindings to the address space, descriptors and the rest are dynamic: exec, vfork, unshare and
// mm_switch replace them. Only the task's own kernel thread changes them; it may read them without a
// lock, others take a snapshot.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "base/ref.h"
#include "kernel/abi/lock_order.h"
#include "kernel/mm/address_space.h"
#include "kernel/platform/context.h"
#include "kernel/task/process.h"
#include "kernel/task/signal_set.h"
#include "kernel/vfs/credentials.h"
#include "kernel/vfs/wait.h"

namespace quire::vfs {
class FdTable;
class FsContext;
}  // namespace quire::vfs

namespace quire::task {

class Kernel;
class VforkDone;

/// The alternate signal stack as sigaltstack(2) keeps it.
struct AltStack {
  GuestAddr base{};
  u64 size = 0;
  u32 flags = 2;  // SS_DISABLE
  bool contains(u64 sp) const { return sp > base.value() && sp - base.value() <= size; }
};

/// What restart_syscall(2) goes on with after an interrupted sleep.
struct RestartBlock {
  enum class Kind : u8 { none, sleep, futex } kind = Kind::none;
  vfs::Clock::time_point deadline{};
  int clock = 0;
  GuestAddr remainder{};  // where the rest is written when interrupted again
  GuestAddr futex{};
  u32 futex_value = 0, futex_mask = 0;
  bool futex_private = false;
};

class Task : public RefCounted {
 public:
  Task(Kernel& kernel, Ref<Process> process, Pid tid);
  ~Task() override;

  // --- identity: constant, or stable on the own thread ------------------------------------------
  Kernel& kernel() const { return kernel_; }
  Process& process() const { return *process_; }
  Pid tid() const { return tid_.load(std::memory_order_relaxed); }
  Pid pid() const { return process_->pid(); }

  // --- bindings: own thread only ------------------------------------------------------------------
  /// Where guest addresses of the present system call lie: the task's own address space, but for
  /// calls made through mm_indirect.
  mm::AddressSpace& mm() const { return indirect_mm_ ? *indirect_mm_ : *mm_; }
  mm::AddressSpace& own_mm() const { return *mm_; }
  Ref<mm::AddressSpace> mm_ref() const { return indirect_mm_ ? indirect_mm_ : mm_; }
  vfs::FdTable& fds() const { return *fds_; }
  vfs::FsContext& fs() const { return *fs_; }
  const vfs::Credentials& credentials() const { return *credentials_; }
  Ref<const vfs::Credentials> credentials_ref() const { return credentials_; }
  platform::Context& context() const { return *context_; }
  platform::Registers& regs() const { return context_->regs(); }

  /// Rebinding. The old object is dropped by the time these return.
  void set_mm(Ref<mm::AddressSpace> mm);
  void set_fds(Ref<vfs::FdTable> fds);
  void set_fs(Ref<vfs::FsContext> fs);
  void set_credentials(Ref<const vfs::Credentials> credentials);
  /// Directs mm() elsewhere (null: back to its own) and returns where it was directed; see Redirect.
  Ref<mm::AddressSpace> redirect_mm(Ref<mm::AddressSpace> mm) {
    std::swap(indirect_mm_, mm);
    return mm;
  }
  void set_context(std::unique_ptr<platform::Context> context) { context_ = std::move(context); }

  // --- the same for others (/proc, process_vm_readv, kcmp): null once the task has exited -----------
  Ref<mm::AddressSpace> mm_snapshot() const;
  Ref<vfs::FdTable> fds_snapshot() const;
  Ref<vfs::FsContext> fs_snapshot() const;
  Ref<const vfs::Credentials> credentials_snapshot() const;
  std::string comm() const;
  void set_comm(std::string comm);
  /// 'R', 'S', 'T' as /proc/PID/stat shows it.
  char state() const;
  /// sigtimedwait: which blocked signals end the task's sleep. Own thread.
  void set_waiting_for(SignalSet set);
  /// CPU time of the task so far, in nanoseconds.
  u64 cpu_time_ns() const;
  Usage usage() const;

  /// exit(2): the task ends once the present system call returns.
  void exit(int code);
  /// The task whose system call the calling kernel thread carries out; null on other threads.
  static Task* current();

  // --- signals ---------------------------------------------------------------------------------------
  /// An unblocked signal, a stop or the end of the process awaits the task: blocking calls that do
  /// not sleep on the Waiter test this between steps and return abi::restart_*.
  bool interrupted() const { return attention_.load(std::memory_order_acquire); }
  SignalSet blocked() const { return blocked_.load(std::memory_order_relaxed); }
  /// Sets the mask and looks anew at what is pending. Own thread.
  void set_blocked(SignalSet mask);
  /// Until the next signal is delivered or the call returns without one, `mask` is blocked (ppoll,
  /// pselect, epoll_pwait, sigsuspend). Own thread.
  void set_temporary_mask(SignalSet mask);
  /// A signal that the task's own instruction raised: blocked or ignored, it kills. Own thread.
  void force_signal(const siginfo_t& info);
  /// Takes a pending signal of the set, of the thread or the process (sigtimedwait, signalfd).
  std::optional<siginfo_t> take_pending(SignalSet wanted);
  /// Pending for the thread or the process; for the thread alone.
  SignalSet pending_set() const;
  SignalSet private_pending_set() const;

  AltStack altstack;
  RestartBlock restart;
  GuestAddr set_child_tid{};  // clone: where the new task writes its id before it first runs
  GuestAddr clear_child_tid{};
  GuestAddr robust_list{};
  u64 robust_list_length = 0;
  u64 timer_slack_ns = 50'000;
  int parent_death_signal = 0;
  int nice = 0;
  u64 affinity = 0;  // CPUs it asked for; 0: all

  /// Runs guests for mm_run; made at its first call.
  std::unique_ptr<platform::Context> run_context;
  /// The space that it ran in last and whose extended state it has kept; 0: none.
  u64 run_space = 0;

  struct Scheduling {
    int policy = 0;
    int priority = 0;
    bool reset_on_fork = false;
  };
  Scheduling scheduling;

 private:
  friend class Kernel;
  friend class Process;
  friend class RunLoop;
  friend class GuestRun;

  static constexpr u64 no_clock = ~u64{0};

  bool sleeping() const;
  u64 kernel_cpu_ns() const;
  u64 guest_ns() const;
  platform::Trap run_guest(platform::Context& context, mm::AddressSpace& mm);
  /// Gives the platform what it may answer without us.
  void publish_answers();
  /// Makes the task look at its signals soon. The process's signal lock is held.
  void kick(bool fatal = false);

  Kernel& kernel_;
  const Ref<Process> process_;
  std::atomic<Pid> tid_;

  mutable Mutex<locks::process> lock_;  // writes by the own thread, snapshots by others
  Ref<mm::AddressSpace> mm_, indirect_mm_;
  Ref<vfs::FdTable> fds_;
  Ref<vfs::FsContext> fs_;
  Ref<const vfs::Credentials> credentials_;
  std::unique_ptr<platform::Context> context_;  // never replaced once the task runs
  std::string comm_ GUARDED_BY(lock_);
  // What run() is under way on: context_, or that of mm_run.
  std::atomic<platform::Context*> active_context_{nullptr};

  std::atomic<bool> attention_{false};  // signals, stops or the end are to be looked at
  std::atomic<bool> in_guest_{false};
  std::atomic<u64> guest_exits_{0};  // how often it came back from there
  std::atomic<bool> in_call_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<SignalSet> blocked_{0};
  std::optional<SignalSet> saved_mask_;
  bool leaving_ = false;       // exit(2) was called
  Ref<VforkDone> vfork_done_;  // told when this task lets go of its address space

  // The process's signal lock guards these:
  SignalQueue pending_;
  SignalSet waiting_for_ = 0;      // sigtimedwait
  vfs::Waiter* waiter_ = nullptr;  // while the task runs
  bool exec_leaves_ = false;       // another thread execs: this one must go

  std::atomic<u64> cpu_clock_{no_clock};  // the kernel thread's CPU clock while it runs the task
  // Time in the guest, in ticks of the time-stamp counter: what was spent, and when it was entered last.
  std::atomic<u64> guest_ticks_{0}, guest_entered_{0};
  std::atomic<u64> cpu_base_ns_{0};  // what that clock showed at the start
  // Counters with one writer, the task's own thread.
  std::atomic<u64> minor_faults_{0}, major_faults_{0}, voluntary_switches_{0};
  std::atomic<u64> calls_trapped_{0}, calls_patched_{0}, interrupts_{0}, exceptions_{0};
};

}  // namespace quire::task
