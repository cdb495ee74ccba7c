// The table of all x86-64 system calls (0..462) and Quire's own (1000..1006), as data.
#pragma once

#include <span>

#include "kernel/task/syscall_row.h"

namespace quire::syscall {

// The rows, by the folder that carries the calls out; each file is that part's to fill.
std::span<const task::SyscallRow> task_rows();
std::span<const task::SyscallRow> memory_rows();
std::span<const task::SyscallRow> file_rows();
std::span<const task::SyscallRow> net_rows();

/// All rows by number, for the kernel; made once, lives for ever.
task::SyscallTable system_call_table();

}  // namespace quire::syscall
