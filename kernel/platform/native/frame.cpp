#include "kernel/platform/native/frame.h"

#include <cstring>

namespace quire::platform::native {
namespace {
// The XSAVE area, standard format (Intel SDM 1, 13.4; marks of Linux: asm/sigcontext.h).
constexpr u64 fcw_at = 0, mxcsr_at = 24, mxcsr_mask_at = 28, marks_at = 464, marks_size = 48, header_at = 512,
              header_size = 64, legacy_end = 576;
constexpr u32 magic1 = 0x46505853;
constexpr u16 initial_fcw = 0x37f;
constexpr u32 initial_mxcsr = 0x1f80, default_mxcsr_mask = 0xffbf;

struct Marks {
  u32 magic;
  u32 extended_size;  // of the area with the closing magic number
  u64 xfeatures;
  u32 xstate_size;
};

template <typename T>
T get(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <typename T>
void put(std::byte* p, T v) {
  std::memcpy(p, &v, sizeof v);
}
}  // namespace

Registers registers_of(const SignalFrame& f) {
  Registers r{};
  r.r15 = f.r15, r.r14 = f.r14, r.r13 = f.r13, r.r12 = f.r12, r.rbp = f.rbp, r.rbx = f.rbx;
  r.r11 = f.r11, r.r10 = f.r10, r.r9 = f.r9, r.r8 = f.r8, r.rax = f.rax, r.rcx = f.rcx;
  r.rdx = f.rdx, r.rsi = f.rsi, r.rdi = f.rdi;
  r.orig_rax = ~u64{0};
  r.rip = f.rip, r.cs = f.cs, r.rflags = f.rflags, r.rsp = f.rsp, r.ss = f.ss;
  return r;
}

void store_registers(const Registers& r, SignalFrame* f) {
  f->r15 = r.r15, f->r14 = r.r14, f->r13 = r.r13, f->r12 = r.r12, f->rbp = r.rbp, f->rbx = r.rbx;
  f->r11 = r.r11, f->r10 = r.r10, f->r9 = r.r9, f->r8 = r.r8, f->rax = r.rax, f->rcx = r.rcx;
  f->rdx = r.rdx, f->rsi = r.rsi, f->rdi = r.rdi;
  f->rip = r.rip, f->rsp = r.rsp;
  f->cs = static_cast<u16>(r.cs == user_cs32 ? user_cs32 : user_cs);
  f->ss = static_cast<u16>(user_ss);
  f->rflags = (r.rflags & user_flags) | flag_interrupt;
  f->sigmask = 0;
}

void clean_extended_state(const FrameShape& shape, std::span<std::byte> area) {
  std::byte* p = area.data();
  const u32 mask = get<u32>(shape.initial.data() + mxcsr_mask_at);
  put<u32>(p + mxcsr_at, get<u32>(p + mxcsr_at) & (mask != 0 ? mask : default_mxcsr_mask));
  put<u32>(p + mxcsr_mask_at, mask);
  std::memcpy(p + marks_at, shape.initial.data() + marks_at, marks_size);
  const u64 present = get<u64>(p + header_at) & shape.xfeatures;
  std::memset(p + header_at, 0, header_size);
  put<u64>(p + header_at, present);
}

bool learn_shape(const std::byte* slot, u64 slot_address, u64 frame_address, FrameShape* shape) {
  const u64 offset = frame_address - slot_address;
  if (offset < SLOT_STACK || offset > SLOT_SIZE - sizeof(SignalFrame)) return false;
  SignalFrame f;
  std::memcpy(&f, slot + offset, sizeof f);
  const u64 extended = f.fpstate - slot_address;
  if (extended < SLOT_STACK || extended > SLOT_SIZE - legacy_end || f.cs != user_cs || f.ss != user_ss)
    return false;
  const Marks marks = get<Marks>(slot + extended + marks_at);
  if (marks.magic != magic1 || marks.xstate_size < legacy_end || extended + marks.extended_size > SLOT_SIZE)
    return false;
  shape->frame = offset;
  shape->pristine = f;
  shape->learnt_at = slot_address;
  shape->extended = extended;
  shape->extended_size = marks.xstate_size;
  shape->xfeatures = marks.xfeatures;
  shape->initial.assign(marks.xstate_size, std::byte{0});
  std::memcpy(shape->initial.data() + marks_at, slot + extended + marks_at, marks_size);
  put<u16>(shape->initial.data() + fcw_at, initial_fcw);
  put<u32>(shape->initial.data() + mxcsr_at, initial_mxcsr);
  std::memcpy(shape->initial.data() + mxcsr_mask_at, slot + extended + mxcsr_mask_at, 4);
  return true;
}

}  // namespace quire::platform::native
