// Resource limits on their way to those that enforce them.
#pragma once

#include "kernel/mm/address_space.h"
#include "kernel/vfs/credentials.h"

namespace quire::task {

class Process;

/// What mm enforces of the process's limits; who has CAP_IPC_LOCK may lock without one (mlock(2)).
mm::Limits memory_limits(const Process& process, const vfs::Credentials& credentials);

/// Starts, or changes, the watch over RLIMIT_CPU: SIGXCPU at the soft limit and every second after it,
/// SIGKILL at the hard one. After setrlimit, and in a process just forked.
void apply_cpu_limit(Process& process);

}  // namespace quire::task
