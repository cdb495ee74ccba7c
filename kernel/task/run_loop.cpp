#include "kernel/task/run_loop.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include <bit>

#include "kernel/abi/restart.h"
#include "kernel/task/kernel.h"
#include "kernel/task/signal_frame.h"
#include "kernel/task/task.h"

namespace quire::task {

namespace {

constexpr u64 sa_nodefer = 0x40000000, sa_resethand = 0x80000000, sa_restart = 0x10000000;
constexpr SignalSet core_signals = signal_bit(SIGQUIT) | signal_bit(SIGILL) | signal_bit(SIGTRAP) |
                                   signal_bit(SIGABRT) | signal_bit(SIGBUS) | signal_bit(SIGFPE) |
                                   signal_bit(SIGSEGV) | signal_bit(SIGXCPU) | signal_bit(SIGXFSZ) |
                                   signal_bit(SIGSYS);
constexpr SignalSet no_action =
    signal_bit(SIGCHLD) | signal_bit(SIGURG) | signal_bit(SIGWINCH) | signal_bit(SIGCONT);
constexpr u32 restart_syscall_number = 219;
constexpr u64 syscall_instruction_size = 2;

bool is_restart(int code) {
  return code == abi::restart_sys || code == abi::restart_nointr || code == abi::restart_nohand ||
         code == abi::restart_block;
}

/// One writer, so no locked instruction is needed.
void count(std::atomic<u64>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

RunLoop::RunLoop(Task& task) : task_(task), kernel_(task.kernel()) {}

void RunLoop::run() {
  clockid_t clock;
  if (pthread_getcpuclockid(pthread_self(), &clock) == 0) {
    timespec now{};
    clock_gettime(clock, &now);
    task_.cpu_base_ns_ = static_cast<u64>(now.tv_sec) * 1'000'000'000 + static_cast<u64>(now.tv_nsec);
    task_.cpu_clock_.store(static_cast<u64>(clock), std::memory_order_release);
  }
  vfs::Waiter& waiter = vfs::Waiter::current();
  waiter.clear_interrupt();
  {
    LockGuard guard(task_.process().signal_lock_);
    task_.waiter_ = &waiter;
  }
  task_.active_context_.store(task_.context_.get(), std::memory_order_release);
  kernel_.before_first_run(task_);

  bool restart = false;
  while (!task_.leaving_) {
    if (task_.attention_.load(std::memory_order_acquire) && !attend(0, restart)) break;
    const platform::Trap trap = task_.run_guest(task_.context(), task_.own_mm());
    switch (trap.kind) {
      case platform::Trap::Kind::syscall:
        system_call(trap);
        break;
      case platform::Trap::Kind::page_fault:
        page_fault(trap);
        break;
      case platform::Trap::Kind::exception:
        exception(trap);
        break;
      case platform::Trap::Kind::interrupted:
        count(task_.interrupts_);
        break;
      case platform::Trap::Kind::lost:
        task_.process().begin_exit({.code = 0, .signo = SIGKILL, .core = false});
        break;
    }
  }
  leave();
}

// --- traps -------------------------------------------------------------------------------------------------

Result<u64> RunLoop::dispatch(u64 number, const Args& args, bool compat) {
  const SyscallTable table = kernel_.options().syscalls;
  const SyscallRow* row = number < table.size() && !compat ? table[number] : nullptr;
  kernel_.count_call(number, row);
  SyscallObserver* observer = kernel_.options().observer;
  if (observer != nullptr) [[unlikely]] {
    observer->enter(task_, static_cast<u32>(number), row, args);
    Result<u64> result = row != nullptr && row->handler != nullptr ? row->handler(task_, args) : err(ENOSYS);
    observer->leave(task_, static_cast<u32>(number), row, args, result);
    return result;
  }
  if (row == nullptr || row->handler == nullptr) return err(ENOSYS);
  return row->handler(task_, args);
}

void RunLoop::note_trapped_call() {
  const platform::Registers& regs = task_.regs();
  // A thread makes them once, and what it is parked in afterwards is better a signal frame (platform README).
  if (regs.orig_rax == SYS_exit_group || regs.orig_rax == SYS_exit || regs.orig_rax == SYS_execve) return;
  TrappedAt& at = trapped_at_[regs.rip / 2 % trapped_at_.size()];
  if (at.rip != regs.rip) at = {regs.rip, 0};
  // Ever more rarely: most of what is not patched by now cannot be.
  if (++at.times >= u32{1} << 31 || !std::has_single_bit(at.times)) return;
  std::byte stack[16];
  const std::size_t n = task_.own_mm().copy_in_some(stack, GuestAddr(regs.rsp), sizeof stack);
  task_.own_mm().call_trapped(GuestAddr(regs.rip - syscall_instruction_size),
                              {.number = regs.orig_rax, .r9 = regs.r9, .stack = std::span(stack).first(n)});
}

void RunLoop::system_call(const platform::Trap& trap) {
  if (trap.route == platform::Trap::Route::patched) {
    count(task_.calls_patched_);
  } else {
    count(task_.calls_trapped_);
    if (!trap.compat) note_trapped_call();
  }
  platform::Registers& regs = task_.regs();
  const Args args{{regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9}};
  u64 number = regs.orig_rax;
  task_.in_call_.store(true, std::memory_order_relaxed);
  for (;;) {
    const Result<u64> result = dispatch(number, args, trap.compat);
    if (task_.leaving_) break;
    int restart_code = 0;
    if (result) {
      task_.regs().rax = *result;
    } else {
      if (is_restart(result.error().value())) restart_code = result.error().value();
      task_.regs().rax = static_cast<u64>(-static_cast<i64>(result.error().value()));
    }
    if (restart_code == 0 && !task_.saved_mask_ && !task_.attention_.load(std::memory_order_acquire))
        [[likely]]
      break;
    bool restart = false;
    if (!attend(restart_code, restart)) {
      task_.leaving_ = true;
      break;
    }
    if (!restart) break;
    if (restart_code == abi::restart_block) number = restart_syscall_number;
  }
  task_.in_call_.store(false, std::memory_order_relaxed);
}

void RunLoop::page_fault(const platform::Trap& trap) {
  if (trap.address.value() >= u64{0xffffffffff600000} && emulate_vsyscall()) return;
  const mm::FaultOutcome outcome =
      task_.own_mm().fault(trap.address, trap.access, GuestAddr(task_.regs().rsp));
  count(outcome.major ? task_.major_faults_ : task_.minor_faults_);
  if (outcome.out_of_memory) {
    task_.process().begin_exit({.code = 0, .signo = SIGKILL, .core = false});
    return;
  }
  if (outcome.signo == 0) return;
  last_fault_ = {.trap_no = 14, .error_code = trap.error_code, .address = trap.address.value()};
  siginfo_t info{};
  info.si_signo = outcome.signo;
  info.si_code = outcome.code;
  info.si_addr = reinterpret_cast<void*>(trap.address.value());
  task_.force_signal(info);
}

void RunLoop::exception(const platform::Trap& trap) {
  count(task_.exceptions_);
  last_fault_ = {.trap_no = trap.trap_no, .error_code = trap.error_code, .address = 0};
  siginfo_t info{};
  info.si_signo = valid_signal(trap.signo) ? trap.signo : SIGSEGV;
  info.si_code = trap.code;
  info.si_addr = reinterpret_cast<void*>(trap.address.value());
  task_.force_signal(info);
}

/// The three calls of the legacy vsyscall page, which is not mapped: a jump there faults.
bool RunLoop::emulate_vsyscall() {
  constexpr u64 page = 0xffffffffff600000;
  platform::Registers& regs = task_.regs();
  u64 number;
  switch (regs.rip) {
    case page:
      number = 96;
      break;  // gettimeofday
    case page + 0x400:
      number = 201;
      break;  // time
    case page + 0x800:
      number = 309;
      break;  // getcpu
    default:
      return false;
  }
  const auto back = task_.own_mm().read<u64>(GuestAddr(regs.rsp));
  if (!back || *back >= u64{1} << 47) return false;
  const Result<u64> result = dispatch(number, Args{{regs.rdi, regs.rsi, regs.rdx, 0, 0, 0}}, false);
  if (!result && result.error().value() == EFAULT) return false;
  regs.rax = result ? *result : static_cast<u64>(-static_cast<i64>(result.error().value()));
  regs.rip = *back;
  regs.rsp += sizeof(u64);
  return true;
}

// --- signals
// ------------------------------------------------------------------------------------------------

bool RunLoop::attend(int restart_code, bool& restart) {
  Process& process = task_.process();
  vfs::Waiter& waiter = vfs::Waiter::current();
  bool handled = false;
  restart = false;
  LockGuard guard(process.signal_lock_);
  for (;;) {
    task_.attention_.store(false, std::memory_order_relaxed);
    waiter.clear_interrupt();
    if (process.exiting_.load(std::memory_order_relaxed) || task_.exec_leaves_) return false;
    if (process.stopping_) {
      const int signo = process.stop_signal_;
      guard.unlock();
      stop(signo);
      guard.lock();
      continue;
    }
    const SignalSet wanted = ~task_.blocked();
    std::optional<siginfo_t> info = task_.pending_.take(wanted);
    if (!info) info = process.pending_.take(wanted);
    if (!info) break;
    guard.unlock();
    if (deliver(*info, handled ? 0 : restart_code)) handled = true;
    guard.lock();
  }
  guard.unlock();
  if (!handled) {
    restart = restart_code != 0;
    if (task_.saved_mask_) {
      const SignalSet mask = *task_.saved_mask_;
      task_.saved_mask_.reset();
      task_.set_blocked(mask);
    }
  }
  return true;
}

bool RunLoop::deliver(const siginfo_t& info, int restart_code) {
  Process& process = task_.process();
  const int signo = info.si_signo;
  if (SyscallObserver* observer = kernel_.options().observer; observer != nullptr)
    observer->signal(task_, info);
  SignalAction action;
  {
    LockGuard guard(process.signal_lock_);
    LockGuard actions(process.actions_->lock);
    SignalAction& slot = process.actions_->action[static_cast<std::size_t>(signo)];
    action = slot;
    if (action.handler > 1 && (action.flags & sa_resethand) != 0) slot.handler = 0;
  }
  if (action.handler == 1) return false;
  if (action.handler == 0) {
    default_action(signo, info.si_code <= 0);
    return false;
  }
  platform::Registers& regs = task_.regs();
  if (restart_code != 0) {
    const bool again = restart_code == abi::restart_nointr ||
                       (restart_code == abi::restart_sys && (action.flags & sa_restart) != 0);
    if (again) {
      regs.rax = regs.orig_rax;
      regs.rip -= syscall_instruction_size;
    } else {
      regs.rax = static_cast<u64>(-static_cast<i64>(EINTR));
    }
  }
  const SignalSet saved = task_.saved_mask_.value_or(task_.blocked());
  task_.saved_mask_.reset();
  kernel_.count_signal();
  if (!push_signal_frame(task_, action, info, saved, last_fault_)) {
    // The stack cannot take it: SIGSEGV, which kills if it was SIGSEGV that did not fit.
    siginfo_t segv{};
    segv.si_signo = SIGSEGV;
    segv.si_code = SI_KERNEL;
    if (signo == SIGSEGV) {
      SignalAction dead = action;
      dead.handler = 0;
      process.set_action(SIGSEGV, dead);
    }
    task_.set_blocked(saved);
    task_.force_signal(segv);
    return true;
  }
  last_fault_ = {};
  SignalSet mask = task_.blocked() | action.mask;
  if ((action.flags & sa_nodefer) == 0) mask |= signal_bit(signo);
  task_.set_blocked(mask);
  return true;
}

void RunLoop::default_action(int signo, bool) {
  const SignalSet bit = signal_bit(signo);
  Process& process = task_.process();
  if ((bit & no_action) != 0) return;
  if ((bit & stop_signals) != 0) {
    // The terminal's stops do nothing to a group that nobody could continue.
    if (signo != SIGSTOP && kernel_.group_is_orphaned(process.group_id())) return;
    LockGuard guard(process.signal_lock_);
    // SIGCONT or SIGKILL may have come meanwhile.
    if (process.exiting_.load(std::memory_order_relaxed)) return;
    if ((process.pending_.set() & signal_bit(SIGCONT)) != 0) return;
    process.stopping_ = true;
    process.stop_told_ = false;
    process.stop_signal_ = signo;
    for (Task* t : process.threads_) t->kick();
    return;
  }
  const bool core = (bit & core_signals) != 0 && process.limit(RLIMIT_CORE).rlim_cur != 0;
  process.begin_exit({.code = 0, .signo = signo, .core = core});
}

void RunLoop::stop(int signo) {
  Process& process = task_.process();
  LockGuard guard(process.signal_lock_);
  task_.stopped_.store(true, std::memory_order_release);
  if (process.stopping_ && !process.stop_told_ && process.all_stopped()) {
    process.stop_told_ = true;
    guard.unlock();
    kernel_.tell_parent_of_stop(process, signo);
    guard.lock();
  }
  while (process.stopping_ && !process.exiting_.load(std::memory_order_relaxed) && !task_.exec_leaves_) {
    guard.unlock();
    (void)vfs::Waiter::current().sleep_killable();
    guard.lock();
  }
  task_.stopped_.store(false, std::memory_order_release);
  if (process.continue_due_) {
    process.continue_due_ = false;
    guard.unlock();
    kernel_.tell_parent_of_continue(process);
  }
}

void RunLoop::leave() { kernel_.task_ends(task_); }

}  // namespace quire::task
