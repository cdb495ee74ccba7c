// A guest thread's general registers.
#pragma once

#include "base/types.h"

namespace quire::platform {

/// In the order of struct user_regs_struct (ptrace, core dumps), which guests may see.
struct Registers {
  u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
  u64 orig_rax;  // the system call's number at entry; ~0 otherwise
  u64 rip, cs, rflags, rsp, ss;
  u64 fs_base, gs_base;
};

}  // namespace quire::platform
