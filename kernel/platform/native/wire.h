// The structures in the pages that a stub shares with the kernel (numbers: layout.h).
#pragma once

#include <atomic>
#include <cstddef>

#include "base/types.h"
#include "kernel/abi/scheduling.h"
#include "kernel/platform/native/layout.h"

namespace quire::platform::native {

/// One request to an agent. The agent reads it from a page that its process cannot write.
struct RingEntry {
  u32 op = OP_SYSCALL;
  u32 nr = 0;
  u64 args[6] = {};
  u64 expect = 0;
};
static_assert(sizeof(RingEntry) == ENTRY_SIZE);
static_assert(offsetof(RingEntry, nr) == ENTRY_NR && offsetof(RingEntry, args) == ENTRY_ARGS);
static_assert(offsetof(RingEntry, expect) == ENTRY_EXPECT);

using abi::ScheduleAttributes;

struct Ring {
  std::atomic<u32> head;
  std::atomic<u32> spin;
  u8 pad[56];
  u64 failure;  // what a failed request adds to the acknowledgements: its count is in the upper half
  u64 one;
  u8 pad2[RING_PROMPT - 80];
  ScheduleAttributes prompt;
  u8 pad3[RING_USUAL - RING_PROMPT - 48];
  ScheduleAttributes usual;
  u8 rest[RING_ENTRIES - RING_USUAL - 48];
  RingEntry entries[RING_COUNT];
};
static_assert(offsetof(Ring, spin) == RING_SPIN && offsetof(Ring, failure) == RING_FAILURE);
static_assert(offsetof(Ring, prompt) == RING_PROMPT && offsetof(Ring, usual) == RING_USUAL);
static_assert(offsetof(Ring, one) == RING_ONE && offsetof(Ring, entries) == RING_ENTRIES);
static_assert(sizeof(Ring) == STUB_RING_SIZE);

/// A guest thread's context page. The guest can write all of it at any time: the kernel copies what it
/// needs once, trusts none of it, and keeps whatever must be true (which thread, which stub) elsewhere.
struct Slot {
  std::atomic<u32> to_kernel;
  std::atomic<u32> kernel_sleeps;
  u8 pad0[SLOT_TO_GUEST - 8];
  std::atomic<u32> to_guest;
  std::atomic<u32> guest_sleeps;
  std::atomic<u32> spin;
  std::atomic<u32> kernel_cpu;
  std::atomic<u32> guest_cpu;
  std::atomic<u32> signo;
  std::atomic<u32> interrupted;
  std::atomic<u32> stepped;
  u8 pad1[SLOT_FS - SLOT_STEPPED - 4];
  std::atomic<u64> fs_base;
  std::atomic<u64> gs_base;
  u64 self;
  u64 save_stack;
  std::atomic<u64> answered;
  std::atomic<u64> answer_mask;
  std::atomic<u32> tid;
  u32 pad2;
  u64 frame;  // where the signal frame starts (learnt once, from a stub that has run no guest)
  u64 altstack_sp;
  u64 altstack_flags;
  u64 altstack_size;
  u8 pad4[SLOT_ANSWERS - SLOT_ALTSTACK - 24];
  std::atomic<u64> answers[32];
  u8 pad5[SLOT_SAVE_TOP - SLOT_ANSWERS - 256 - 15 * 8];
  // The patched path's save area, in the order of its pushes, last one first.
  struct Saved {
    u64 fs_base, r15, r14, r13, r12, r10, r9, r8, rbp, rdi, rsi, rdx, rbx, rax, rflags;
    u64 rsp, rip;
  } saved;
};
static_assert(offsetof(Slot, to_guest) == SLOT_TO_GUEST && offsetof(Slot, stepped) == SLOT_STEPPED);
static_assert(offsetof(Slot, fs_base) == SLOT_FS && offsetof(Slot, save_stack) == SLOT_SAVE_STACK);
static_assert(offsetof(Slot, answer_mask) == SLOT_ANSWER_MASK && offsetof(Slot, tid) == SLOT_TID);
static_assert(offsetof(Slot, altstack_sp) == SLOT_ALTSTACK && offsetof(Slot, answers) == SLOT_ANSWERS);
static_assert(offsetof(Slot, saved.rsp) == SLOT_RSP && offsetof(Slot, saved.rip) == SLOT_RIP);
static_assert(sizeof(Slot) <= SLOT_STACK);

}  // namespace quire::platform::native

// Labels in stub.S. Only their distances matter: the code runs at STUB_CODE.
extern "C" {
extern const char quire_stub_begin[], quire_stub_end[], quire_stub_agent[], quire_stub_handler[];
extern const char quire_stub_sigreturn_ip[], quire_stub_futex_ip[], quire_stub_retrap_ip[];
extern const char quire_stub_handler_parked[], quire_stub_park_woken[];
extern const char quire_stub_enter[], quire_stub_leave[], quire_stub_leave_end[];
extern const char quire_stub_filter[], quire_stub_filter_program[], quire_stub_answer_index[];
}

namespace quire::platform::native {
/// Where a label of the blob is in every stub.
inline u64 stub_address(const char* label) { return STUB_CODE + static_cast<u64>(label - quire_stub_begin); }
}  // namespace quire::platform::native
