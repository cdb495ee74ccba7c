// One guest thread's processor state, and running it.
#pragma once

#include <span>

#include "base/result.h"
#include "kernel/abi/types.h"
#include "kernel/platform/registers.h"
#include "kernel/platform/space.h"

namespace quire::platform {

/// Why run() returned.
struct Trap {
  enum class Kind : u8 {
    syscall,      // number in regs().orig_rax (and rax), arguments in rdi rsi rdx r10 r8 r9
    page_fault,   // address, access; error code as the CPU gives it
    exception,    // signo, code, address: illegal instruction, FPE, breakpoint, trap, bus, GP
    interrupted,  // interrupt() was called
    lost,         // the stub is gone (killed, crashed, refused to answer): the guest process is dead; `code`
                  // is an errno: ESRCH, or EAGAIN, ENOMEM where the host gave none
  };
  enum class Route : u8 { trapped, patched };

  Kind kind = Kind::lost;
  Route route = Route::trapped;
  bool compat = false;  // entered as i386 (int 0x80 and the like) or x32: no native call
  Access access = Access::none;
  GuestAddr address{};
  int signo = 0;
  int code = 0;     // si_code
  u64 trap_no = 0;  // CPU vector, for the guest's sigcontext
  u64 error_code = 0;
};

/// Owned by the kernel thread of one guest task; only interrupt() may be called from others.
class Context {
 public:
  virtual ~Context() = default;

  /// General registers; valid and writable while run() is not under way. After a system call
  /// rcx and r11 hold what the SYSCALL instruction leaves there.
  virtual Registers& regs() = 0;

  /// The extended state (XSAVE area, standard format, as in a signal frame) for reading and writing.
  /// On the patched path the registers are first captured by a retrap; a lost stub gives ESRCH.
  virtual Result<std::span<std::byte>> extended_state() = 0;
  /// Takes over registers and extended state of another context (clone). This one must be fresh.
  virtual Result<> copy_state_from(Context& other) = 0;
  /// Start-of-program state: all zero, extended state initial. What the context held of the last space it ran
  /// in is given back, for that space can end then.
  virtual void reset() = 0;

  /// Before the first run(): the guest had better begin on another CPU than the caller's, if one has no
  /// guest. Best effort.
  virtual void start_elsewhere() {}

  /// Lets the guest go on in `space` until the next trap. Blocks. Another space than last time moves
  /// the thread to another stub.
  virtual Trap run(Space& space) = 0;
  /// Makes a current run(), or else the next one, return `interrupted` soon. From any thread.
  virtual void interrupt() = 0;

  /// Parameterless calls answered in the stub on the patched path (getpid, gettid, getuid, ...):
  /// publishes the value for call `nr`; ENOTSUP if this platform has no such answers.
  virtual Result<> set_answer(u32 nr, u64 value) = 0;
  virtual void clear_answers() = 0;

  /// Calls answered in the stub so far (they never reach run()).
  virtual u64 answered_in_stub() const = 0;

  /// CPU time that guest code has used in this context, in nanoseconds; 0 where it cannot be known. From
  /// any thread.
  virtual u64 cpu_time_ns() const { return 0; }
};

}  // namespace quire::platform
