// Small helpers that several files of handlers share.
#pragma once

#include <sys/resource.h>

#include <string>

#include "base/result.h"
#include "kernel/task/syscall_row.h"
#include "kernel/task/task.h"
#include "kernel/vfs/operations.h"

namespace quire::syscall {

/// CAP_* numbers that handlers ask for.
enum Capability : int {
  cap_kill = 5,
  cap_setgid = 6,
  cap_setuid = 7,
  cap_setpcap = 8,
  cap_sys_admin = 21,
  cap_sys_boot = 22,
  cap_sys_nice = 23,
  cap_sys_resource = 24,
  cap_sys_time = 25,
  cap_sys_ptrace = 19,
  cap_ipc_lock = 14,
  cap_ipc_owner = 15
};

/// The size that MAP_HUGETLB, MFD_HUGETLB and SHM_HUGETLB may name in six bits (log2; 0: the default).
constexpr bool huge_size_known(u64 bits) { return (bits & 0x3f) == 0 || (bits & 0x3f) == huge_shift; }

/// Where a path given with directory descriptor `dirfd` starts. EBADF, ENOTDIR. The result refers to the
/// task's credentials: use it within the call.
Result<vfs::Lookup> lookup_at(task::Task& task, int dirfd, const std::string& path);

/// May `task` look into `other`'s memory and descriptors? (PTRACE_MODE_ATTACH_REALCREDS)
bool may_inspect(task::Task& task, task::Task& other);

/// Goes on with an interrupted FUTEX_WAIT (restart_syscall).
Result<u64> restart_futex(task::Task& task);

/// The options of prctl(2) that read and change credentials.
Result<u64> prctl_credentials(task::Task& task, const task::Args& args);

struct rusage to_rusage(const task::Usage& usage);

}  // namespace quire::syscall
