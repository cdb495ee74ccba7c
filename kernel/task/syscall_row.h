// A system call as data: its number, what carries it out, how far it is supported, how to print it.
#pragma once

#include <array>
#include <span>

#include "base/result.h"
#include "kernel/abi/types.h"

namespace quire::task {

class Task;

/// The six argument registers of a system call. Every value comes from the guest: check it.
struct Args {
  std::array<u64, 6> value{};

  u64 operator[](unsigned i) const { return value[i]; }
  GuestAddr addr(unsigned i) const { return GuestAddr(value[i]); }
  /// The low half as the kernel ABI truncates ints, descriptors and modes.
  i32 i(unsigned n) const { return static_cast<i32>(value[n]); }
  u32 u(unsigned n) const { return static_cast<u32>(value[n]); }
};

/// Carries out one call on the calling task's own kernel thread, with no lock held. The value goes to
/// rax; errors may be the restart codes of kernel/abi/restart.h.
using SyscallHandler = Result<u64> (*)(Task&, const Args&);

enum class Support : u8 { none, partial, full };

/// One row of the table. `format` has one letter an argument, for --strace:
///   d int   u unsigned   x hex   o octal mode   p address   l size or count   f descriptor
///   D directory descriptor (AT_FDCWD)   s string   b bytes in (length in the next argument)
///   B bytes out (length is the result)   v, V strings (arguments, environment)   S signal   O open flags
///   P protection   M mmap flags   C clone flags   t timespec   F futex operation   w wait status
struct SyscallRow {
  u32 number;
  const char* name;
  SyscallHandler handler;  // null: ENOSYS, counted
  Support support;
  const char* gap;  // what is missing, for docs/syscalls.md; empty: nothing known
  const char* format;
};

/// Rows by number; null where no call has the number.
using SyscallTable = std::span<const SyscallRow* const>;

}  // namespace quire::task
