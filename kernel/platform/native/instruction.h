// How long an x86-64 instruction is, and what kind: enough to move one, and to see where one may end.
#pragma once

#include <span>

#include "base/types.h"

namespace quire::platform::native {

/// One decoded instruction of 64-bit mode. `length` is 0 where the bytes are none.
struct Instruction {
  u8 length = 0;
  u8 map = 0;     // 0: one-byte opcodes, 1: 0f, 2: 0f 38, 3: 0f 3a
  u8 opcode = 0;  // within the map
  u8 rex = 0;     // the prefix byte, or 0
  u8 modrm = 0, sib = 0;
  i32 displacement = 0;
  u8 last_byte = 0;  // of an immediate, where there is one
  bool has_modrm = false;
  bool vector = false;         // VEX or EVEX
  bool legacy_prefix = false;  // 66, 67, f0, f2, f3 or a segment's
  bool rip_relative = false;

  bool register_operand() const { return has_modrm && modrm >> 6 == 3; }
  unsigned reg() const { return (modrm >> 3 & 7u) | ((rex & 4u) << 1); }
  unsigned rm() const { return (modrm & 7u) | ((rex & 1u) << 3); }
};

/// Decodes the instruction at the start of `code`; what the bytes mean beyond its length is not looked
/// at. Privileged instructions and ENTER, which no compiler makes, count as none.
/// Source: Intel SDM volume 2, appendix A.
Instruction decode(std::span<const std::byte> code);

/// Whether it does the same at another address, leaves control flow and the stack pointer alone and
/// does not change rax: such may stand between the load of a call's number and its SYSCALL.
bool movable_keeping_rax(const Instruction& i);

/// Whether it does the same at another address, touches no memory and cannot fault.
bool movable_without_memory(const Instruction& i);

}  // namespace quire::platform::native
