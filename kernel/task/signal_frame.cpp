#include "kernel/task/signal_frame.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "kernel/task/kernel.h"
#include "kernel/task/task.h"

namespace quire::task {

namespace {

/// struct sigcontext of <asm/sigcontext.h>.
struct GuestSigcontext {
  u64 r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
  u16 cs, gs, fs, ss;
  u64 err, trapno, oldmask, cr2, fpstate;
  u64 reserved[8];
};
static_assert(sizeof(GuestSigcontext) == 256);

struct GuestUcontext {
  u64 flags, link;
  GuestStack stack;
  GuestSigcontext mcontext;
  SignalSet mask;
};
static_assert(sizeof(GuestUcontext) == 304);

struct Frame {
  u64 return_address;
  GuestUcontext context;
  siginfo_t info;
};
static_assert(sizeof(Frame) == 440);

/// Bytes 464..511 of the legacy area, where a frame says what follows it.
struct SoftwareBytes {
  u32 magic1;
  u32 extended_size;  // with the closing magic2
  u64 features;
  u32 state_size;
  u32 pad[7];
};
static_assert(sizeof(SoftwareBytes) == 48);

constexpr u32 magic1 = 0x46505853, magic2 = 0x46505845;
constexpr std::size_t legacy_size = 512, header_size = 64, software_offset = 464;
constexpr u64 uc_fp_xstate = 1, uc_sigcontext_ss = 2, uc_strict_restore_ss = 4;
constexpr u64 user_cs = 0x33, user_ss = 0x2b;
// AC OF DF TF SF ZF AF PF CF and RF: what a program may set for itself.
constexpr u64 settable_flags = 0x50dd5;
constexpr u64 sa_onstack = 0x08000000, sa_restorer = 0x04000000;
constexpr u32 ss_onstack = 1, ss_disable = 2, ss_autodisarm = 1u << 31;
constexpr u64 red_zone = 128;

u64 state_bytes(u64 extended_state_size) { return extended_state_size + sizeof magic2; }

Result<> restore_extended_state(Task& task, GuestAddr from) {
  std::span<std::byte> state = TRY(task.context().extended_state());
  const u64 features = task.kernel().platform().layout().xfeature_mask;
  if (from == GuestAddr{}) {
    // As Linux: no state in the frame means the initial one.
    std::fill(state.begin(), state.end(), std::byte{0});
    const u16 fcw = 0x37f;
    const u32 mxcsr = 0x1f80;
    std::memcpy(state.data(), &fcw, sizeof fcw);
    std::memcpy(state.data() + 24, &mxcsr, sizeof mxcsr);
    return {};
  }
  std::vector<std::byte> copy(std::max<std::size_t>(state.size(), legacy_size + header_size));
  TRY_VOID(task.mm().copy_in(copy.data(), from, legacy_size));
  SoftwareBytes software;
  std::memcpy(&software, copy.data() + software_offset, sizeof software);
  bool extended = false;
  if (software.magic1 == magic1 && software.state_size >= legacy_size + header_size &&
      software.state_size <= state.size() && software.extended_size >= software.state_size) {
    const auto end = task.mm().read<u32>(from + software.state_size);
    if (end && *end == magic2) {
      TRY_VOID(task.mm().copy_in(copy.data() + legacy_size, from + legacy_size,
                                 software.state_size - legacy_size));
      extended = true;
    }
  }
  if (extended) {
    sanitise_extended_state(copy, features & software.features);
  } else {
    // Only the x87 and SSE part is there; the rest becomes initial.
    std::fill(copy.begin() + legacy_size, copy.end(), std::byte{0});
    const u64 legacy_features = 3;
    std::memcpy(copy.data() + legacy_size, &legacy_features, sizeof legacy_features);
    sanitise_extended_state(copy, features);
  }
  std::memcpy(state.data(), copy.data(), state.size());
  return {};
}

}  // namespace

void sanitise_extended_state(std::span<std::byte> area, u64 features) {
  u32 mxcsr, mask;
  std::memcpy(&mxcsr, area.data() + 24, sizeof mxcsr);
  std::memcpy(&mask, area.data() + 28, sizeof mask);
  mxcsr &= 0xffff;
  std::memcpy(area.data() + 24, &mxcsr, sizeof mxcsr);
  u64 header[header_size / sizeof(u64)] = {};
  std::memcpy(header, area.data() + legacy_size, sizeof(u64));
  header[0] &= features;
  std::memcpy(area.data() + legacy_size, header, sizeof header);
}

u64 settable_flags_of(u64 wanted, u64 now) { return (now & ~settable_flags) | (wanted & settable_flags); }

u64 minimum_signal_stack(u64 extended_state_size) {
  // The frame, the state, and what aligning either may skip.
  return round_up(sizeof(Frame) + state_bytes(extended_state_size) + 64 + 16 + 8, 16);
}

Result<> push_signal_frame(Task& task, const SignalAction& action, const siginfo_t& info,
                           SignalSet saved_mask, const FaultInfo& fault) {
  platform::Registers& regs = task.regs();
  std::span<std::byte> state = TRY(task.context().extended_state());
  if ((action.flags & sa_restorer) == 0) return err(EFAULT);

  u64 sp = regs.rsp - red_zone;
  const AltStack& alt = task.altstack;
  const bool nested = (alt.flags & ss_autodisarm) == 0 && alt.contains(regs.rsp);
  if ((action.flags & sa_onstack) != 0 && (alt.flags & ss_disable) == 0 && !nested)
    sp = alt.base.value() + alt.size;
  const bool on_alt = (alt.flags & ss_disable) == 0 && (nested || ((action.flags & sa_onstack) != 0));

  const u64 state_at = round_down(sp - state_bytes(state.size()), 64);
  const u64 frame_at = round_down(state_at - sizeof(Frame), 16) - 8;
  // Running off the alternate stack must not scribble over what lies below it.
  if (on_alt && (frame_at < alt.base.value() || frame_at > alt.base.value() + alt.size)) return err(EFAULT);

  Frame frame{};
  frame.return_address = action.restorer;
  frame.info = info;
  GuestUcontext& uc = frame.context;
  uc.flags = uc_fp_xstate | uc_sigcontext_ss | uc_strict_restore_ss;
  uc.stack = alt_stack_of(task, regs.rsp);
  uc.mask = saved_mask;
  uc.mcontext = {.r8 = regs.r8,
                 .r9 = regs.r9,
                 .r10 = regs.r10,
                 .r11 = regs.r11,
                 .r12 = regs.r12,
                 .r13 = regs.r13,
                 .r14 = regs.r14,
                 .r15 = regs.r15,
                 .di = regs.rdi,
                 .si = regs.rsi,
                 .bp = regs.rbp,
                 .bx = regs.rbx,
                 .dx = regs.rdx,
                 .ax = regs.rax,
                 .cx = regs.rcx,
                 .sp = regs.rsp,
                 .ip = regs.rip,
                 .flags = regs.rflags,
                 .cs = user_cs,
                 .gs = 0,
                 .fs = 0,
                 .ss = user_ss,
                 .err = fault.error_code,
                 .trapno = fault.trap_no,
                 .oldmask = saved_mask,
                 .cr2 = fault.address,
                 .fpstate = state_at,
                 .reserved = {}};

  const SoftwareBytes software{.magic1 = magic1,
                               .extended_size = static_cast<u32>(state_bytes(state.size())),
                               .features = task.kernel().platform().layout().xfeature_mask,
                               .state_size = static_cast<u32>(state.size()),
                               .pad = {}};
  std::memcpy(state.data() + software_offset, &software, sizeof software);
  TRY_VOID(task.mm().copy_out(GuestAddr(state_at), state.data(), state.size()));
  TRY_VOID(task.mm().write(GuestAddr(state_at + state.size()), magic2));
  TRY_VOID(task.mm().copy_out(GuestAddr(frame_at), &frame, sizeof frame));

  if ((alt.flags & ss_autodisarm) != 0) task.altstack = AltStack{};
  regs.rdi = static_cast<u64>(info.si_signo);
  regs.rsi = frame_at + offsetof(Frame, info);
  regs.rdx = frame_at + offsetof(Frame, context);
  regs.rax = 0;
  regs.rip = action.handler;
  regs.rsp = frame_at;
  regs.rflags &= ~u64{0x10500};  // DF, RF, TF
  regs.orig_rax = ~u64{0};
  return {};
}

Result<> pop_signal_frame(Task& task) {
  platform::Registers& regs = task.regs();
  Frame frame;
  // The handler's return popped the first word.
  TRY_VOID(task.mm().copy_in(&frame, GuestAddr(regs.rsp - sizeof(u64)), offsetof(Frame, info)));
  const GuestSigcontext& sc = frame.context.mcontext;
  // A non-canonical address would fault inside the platform instead of in the guest.
  if (sc.ip >= u64{1} << 47) return err(EFAULT);
  TRY_VOID(restore_extended_state(task, GuestAddr(sc.fpstate)));
  task.set_blocked(frame.context.mask);
  regs.r8 = sc.r8, regs.r9 = sc.r9, regs.r10 = sc.r10, regs.r11 = sc.r11;
  regs.r12 = sc.r12, regs.r13 = sc.r13, regs.r14 = sc.r14, regs.r15 = sc.r15;
  regs.rdi = sc.di, regs.rsi = sc.si, regs.rbp = sc.bp, regs.rbx = sc.bx;
  regs.rdx = sc.dx, regs.rax = sc.ax, regs.rcx = sc.cx, regs.rsp = sc.sp;
  regs.rip = sc.ip;
  regs.rflags = settable_flags_of(sc.flags, regs.rflags);
  regs.cs = user_cs;
  regs.ss = user_ss;
  regs.orig_rax = ~u64{0};
  // As Linux: a stack that sigaltstack would refuse is left as it is.
  (void)set_alt_stack(task, frame.context.stack, regs.rsp);
  return {};
}

GuestStack alt_stack_of(const Task& task, u64 sp) {
  const AltStack& alt = task.altstack;
  u32 flags = alt.flags;
  if ((flags & (ss_disable | ss_autodisarm)) == 0 && alt.contains(sp)) flags |= ss_onstack;
  return {.base = alt.base.value(), .flags = static_cast<i32>(flags), .pad = 0, .size = alt.size};
}

Result<> set_alt_stack(Task& task, const GuestStack& stack, u64 sp) {
  AltStack& alt = task.altstack;
  if ((alt.flags & (ss_disable | ss_autodisarm)) == 0 && alt.contains(sp)) return err(EPERM);
  const u32 flags = static_cast<u32>(stack.flags);
  const u32 mode = flags & ~ss_autodisarm;
  if (mode != ss_disable && mode != ss_onstack && mode != 0) return err(EINVAL);
  if (mode == ss_disable) {
    alt = AltStack{};
    return {};
  }
  if (stack.size < 2048) return err(ENOMEM);
  alt = {.base = GuestAddr(stack.base), .size = stack.size, .flags = flags & ss_autodisarm};
  return {};
}

}  // namespace quire::task
