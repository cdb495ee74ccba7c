// What every file of handlers needs. A handler decodes its arguments, calls into task, mm, vfs or net,
// and encodes the result. Declarations: handlers_task.h, handlers_memory.h, handlers_file.h,
// handlers_net.h, each beside the table_*.cpp that refers to it.
#pragma once

#include "kernel/task/syscall_row.h"
#include "kernel/task/task.h"

/// Declares or defines the handler of system call `name`.
#define QUIRE_SYSCALL(name) \
  Result<u64> sys_##name([[maybe_unused]] task::Task& task, [[maybe_unused]] const task::Args& args)

namespace quire::syscall {

using task::Args;
using task::Task;

}  // namespace quire::syscall
