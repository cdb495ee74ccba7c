// The frame on which a signal handler runs, byte for byte as Linux lays it out on x86-64, with the
// extended state behind it.
#pragma once

#include <csignal>
#include <span>

#include "base/result.h"
#include "kernel/task/process.h"
#include "kernel/task/signal_set.h"

namespace quire::task {

class Task;

/// CPU facts that a frame carries beside the registers.
struct FaultInfo {
  u64 trap_no = 0, error_code = 0, address = 0;
};

/// Pushes a frame and points the registers at the handler. `saved_mask` is what sigreturn puts back.
/// EFAULT when the stack cannot take it: the caller forces SIGSEGV.
Result<> push_signal_frame(Task& task, const SignalAction& action, const siginfo_t& info,
                           SignalSet saved_mask, const FaultInfo& fault);

/// rt_sigreturn(2): takes registers, extended state, mask and alternate stack back from the frame at
/// the stack pointer. Everything in it is the guest's to forge: segments, flags and extended state are
/// reduced to what user code may hold. EFAULT for an unreadable or impossible frame.
Result<> pop_signal_frame(Task& task);

/// Keeps an XSAVE area that a guest wrote loadable: only features in `features`, standard format, no
/// reserved MXCSR bits. At least 576 bytes.
void sanitise_extended_state(std::span<std::byte> area, u64 features);
/// The flags of `wanted` that user code may set for itself, the rest from `now`.
u64 settable_flags_of(u64 wanted, u64 now);

/// Bytes that the largest frame needs on the stack (AT_MINSIGSTKSZ).
u64 minimum_signal_stack(u64 extended_state_size);

/// struct sigaltstack as guests see it.
struct GuestStack {
  u64 base = 0;
  i32 flags = 0;
  u32 pad = 0;
  u64 size = 0;
};
static_assert(sizeof(GuestStack) == 24);

/// sigaltstack(2)'s checks and change; `sp` is the guest's stack pointer. EPERM, EINVAL, ENOMEM.
Result<> set_alt_stack(Task& task, const GuestStack& stack, u64 sp);
GuestStack alt_stack_of(const Task& task, u64 sp);

}  // namespace quire::task
