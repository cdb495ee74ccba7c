// The host's signal frame as it lies in a slot, and what a guest may put into one.
#pragma once

#include <span>
#include <vector>

#include "base/types.h"
#include "kernel/platform/native/layout.h"
#include "kernel/platform/registers.h"

namespace quire::platform::native {

/// struct rt_sigframe of x86-64 Linux: return address, ucontext, siginfo.
struct SignalFrame {
  u64 pretcode;
  u64 uc_flags, uc_link, ss_sp, ss_flags, ss_size;
  u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  u16 cs, gs, fs, ss;
  u64 error_code, trap_no, old_mask, cr2;
  u64 fpstate;
  u64 reserved[8];
  u64 sigmask;
  // siginfo
  i32 info_signo, info_errno, info_code, info_pad;
  u64 info_addr;  // si_call_addr of SIGSYS
  i32 info_syscall;
  u32 info_arch;
  u64 info_rest[12];
};
static_assert(sizeof(SignalFrame) == 440);

/// Where a frame lies in its slot and what the host writes around the extended state: the same for
/// every frame, so it is learnt once, from a stub that has run no guest.
struct FrameShape {
  u64 frame = 0;          // offset in the slot
  u64 extended = 0;       // offset in the slot of the XSAVE area
  u64 extended_size = 0;  // without the closing magic number
  u64 xfeatures = 0;
  std::vector<std::byte> initial;  // a valid XSAVE area in initial state, the host's own marks in it
  SignalFrame pristine{};          // as it was in the slot it was learnt from, which was at `learnt_at`
  u64 learnt_at = 0;
};

/// What closes the extended state in a frame (FP_XSTATE_MAGIC2).
inline constexpr u32 extended_end_mark = 0x46505845;

inline constexpr u64 user_cs = 0x33, user_cs32 = 0x23, user_ss = 0x2b;
inline constexpr u64 flag_trap = 0x100, flag_interrupt = 0x200;
/// The flags that a program may set through sigreturn (the host masks the same).
inline constexpr u64 user_flags =
    0x1 | 0x4 | 0x10 | 0x40 | 0x80 | flag_trap | 0x400 | 0x800 | 0x40000 | 0x10000;

constexpr bool canonical(u64 a) { return a < (u64{1} << 47) || a >= ~((u64{1} << 47) - 1); }

/// Registers from a frame; the bases are not in it.
Registers registers_of(const SignalFrame& f);
/// Puts registers into a frame in a slot, cleaned of what would harm more than the guest.
void store_registers(const Registers& r, SignalFrame* f);

/// Makes bytes that a guest chose a valid XSAVE area: the host refuses others by killing the stub.
void clean_extended_state(const FrameShape& shape, std::span<std::byte> area);

/// Learns the shape from a parked thread's slot. False if the frame makes no sense.
bool learn_shape(const std::byte* slot, u64 slot_address, u64 frame_address, FrameShape* shape);

}  // namespace quire::platform::native
