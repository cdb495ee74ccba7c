// Which bytes around a SYSCALL that trapped may be replaced by a jump to a trampoline.
#pragma once

#include <optional>
#include <span>

#include "kernel/platform/platform.h"

namespace quire::platform::native {

/// The jump that replaces them: jmp *abs32, seven bytes. A jump into its middle, at the bytes where an
/// instruction may have begun, meets one that faults: `in` at 2, illegal ones at 5 (06) and, for sites
/// with a tail, at 4.
inline constexpr unsigned site_jump_size = 7;
inline constexpr unsigned longest_chain = 15;

/// A chain of movable instructions, the first of which sets the number, that ends at the SYSCALL. Where
/// it is too short for the jump, the instruction behind the SYSCALL is moved as well: the tail.
struct CallSite {
  u16 start = 0;  // in the page
  u8 chain = 0;   // bytes from there to the SYSCALL
  u8 tail = 0;    // bytes behind it

  /// Bytes that are moved or overwritten.
  unsigned size() const {
    const unsigned moved = tail != 0 ? chain + 2u + tail : chain;
    return moved < site_jump_size ? site_jump_size : moved;
  }
  friend bool operator==(const CallSite&, const CallSite&) = default;
};

/// Looks at the SYSCALL at `at` in a page of text, where a call just trapped. What stands before it is
/// only believed to be code if the call's registers are what it leaves, and if no other instruction
/// could end there; so constants that look like code, and jumps past data, find nothing.
std::optional<CallSite> find_call_site(std::span<const std::byte> page, std::size_t at,
                                       const TrappedCall& call);

}  // namespace quire::platform::native
