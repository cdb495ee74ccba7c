#include "kernel/task/limits.h"

#include <linux/capability.h>
#include <sys/resource.h>

#include "kernel/task/process.h"
#include "kernel/task/process_timers.h"

namespace quire::task {

mm::Limits memory_limits(const Process& process, const vfs::Credentials& credentials) {
  mm::Limits limits;
  limits.address_space = process.limit(RLIMIT_AS).rlim_cur;
  limits.data = process.limit(RLIMIT_DATA).rlim_cur;
  limits.stack = process.limit(RLIMIT_STACK).rlim_cur;
  if (!credentials.capable(CAP_IPC_LOCK)) limits.locked = process.limit(RLIMIT_MEMLOCK).rlim_cur;
  return limits;
}

void apply_cpu_limit(Process& process) {
  const struct rlimit limit = process.limit(RLIMIT_CPU);
  process.timers().set_cpu_limit(limit.rlim_cur, limit.rlim_max);
}

}  // namespace quire::task
