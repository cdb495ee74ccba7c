// System calls on the machine, limits, scheduling and the odds and ends of a process.
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <algorithm>

#include "kernel/syscall/copy_between.h"
#include "kernel/syscall/handlers_task.h"
#include "kernel/syscall/support.h"
#include "kernel/task/clocks.h"
#include "kernel/task/kernel.h"
#include "kernel/task/limits.h"

namespace quire::syscall {

namespace {

constexpr u64 arch_set_gs = 0x1001, arch_set_fs = 0x1002, arch_get_fs = 0x1003, arch_get_gs = 0x1004;
constexpr u64 user_limit = u64{1} << 47;

Result<Ref<Task>> task_by_id(Task& task, i32 tid) {
  if (tid < 0) return err(EINVAL);
  if (tid == 0) return Ref<Task>(&task);
  Ref<Task> other = task.kernel().find_task(tid);
  if (!other) return err(ESRCH);
  return other;
}

Result<> apply_limit(Task& task, Task& to, int resource, struct rlimit limit) {
  TRY_VOID(to.process().set_limit(resource, limit, task.credentials().capable(cap_sys_resource)));
  if (Ref<mm::AddressSpace> mm = to.mm_snapshot())
    mm->set_limits(task::memory_limits(to.process(), *to.credentials_snapshot()));
  if (resource == RLIMIT_CPU) task::apply_cpu_limit(to.process());
  return {};
}

bool valid_policy(int policy) { return policy >= SCHED_OTHER && policy <= SCHED_IDLE && policy != 4; }
bool is_realtime(int policy) { return policy == SCHED_FIFO || policy == SCHED_RR; }

Result<> set_scheduler(Task& task, Task& target, int policy, int priority, bool reset_on_fork) {
  if (!valid_policy(policy)) return err(EINVAL);
  if (is_realtime(policy) ? priority < 1 || priority > 99 : priority != 0) return err(EINVAL);
  // Kept and told; the host schedules.
  if (is_realtime(policy) && !task.credentials().capable(cap_sys_nice) &&
      static_cast<u64>(priority) > target.process().limit(RLIMIT_RTPRIO).rlim_cur)
    return err(EPERM);
  target.scheduling = {.policy = policy, .priority = priority, .reset_on_fork = reset_on_fork};
  // A task of it in real time, and memory is shown to all of them at once.
  bool any = false;
  for (auto& t : target.process().tasks()) any |= t->scheduling.real_time();
  if (Ref<mm::AddressSpace> mm = target.mm_snapshot()) mm->set_real_time(any);
  return {};
}

/// The tasks that getpriority and setpriority name.
Result<std::vector<Ref<Task>>> tasks_of(Task& task, int which, u32 who) {
  std::vector<Ref<Task>> found;
  switch (which) {
    case PRIO_PROCESS:
      found.push_back(TRY(task_by_id(task, static_cast<i32>(who))));
      break;
    case PRIO_PGRP:
      task.kernel().for_each_in_group(who == 0 ? task.process().group_id() : static_cast<i32>(who),
                                      [&](task::Process& p) {
                                        for (auto& t : p.tasks()) found.push_back(t);
                                      });
      break;
    case PRIO_USER:
      for (const auto& p : task.kernel().processes())
        for (auto& t : p->tasks())
          if (const auto c = t->credentials_snapshot();
              c && c->uid == (who == 0 ? task.credentials().uid : who))
            found.push_back(t);
      break;
    default:
      return err(EINVAL);
  }
  if (found.empty()) return err(ESRCH);
  return found;
}

}  // namespace

QUIRE_SYSCALL(uname) {
  struct utsname u;
  ::uname(&u);
  auto put = [](char(&to)[65], const std::string& s) {
    std::fill(std::begin(to), std::end(to), '\0');
    s.copy(to, sizeof to - 1);
  };
  put(u.nodename, task.kernel().host_name());
  put(u.domainname, task.kernel().domain_name());
  if ((task.process().personality.load() & 0xff) == 8) put(u.machine, "i686");  // PER_LINUX32
  TRY_VOID(task.mm().write(args.addr(0), u));
  return 0;
}

QUIRE_SYSCALL(sethostname) {
  if (!task.credentials().capable(cap_sys_admin)) return err(EPERM);
  if (args.i(1) < 0 || args.i(1) > 64) return err(EINVAL);
  std::string name(args[1], '\0');
  TRY_VOID(task.mm().copy_in(name.data(), args.addr(0), name.size()));
  task.kernel().set_host_name(std::move(name));
  return 0;
}

QUIRE_SYSCALL(setdomainname) {
  if (!task.credentials().capable(cap_sys_admin)) return err(EPERM);
  if (args.i(1) < 0 || args.i(1) > 64) return err(EINVAL);
  std::string name(args[1], '\0');
  TRY_VOID(task.mm().copy_in(name.data(), args.addr(0), name.size()));
  task.kernel().set_domain_name(std::move(name));
  return 0;
}

QUIRE_SYSCALL(sysinfo) {
  struct sysinfo s{};
  s.uptime =
      std::chrono::duration_cast<std::chrono::seconds>(vfs::Clock::now() - task.kernel().boot_time()).count();
  s.totalram = task.kernel().mm().total_bytes();
  s.freeram = task.kernel().mm().free_bytes();
  s.procs = static_cast<u16>(std::min(task.kernel().task_count(), 65535u));
  s.mem_unit = 1;
  TRY_VOID(task.mm().write(args.addr(0), s));
  return 0;
}

QUIRE_SYSCALL(getrandom) {
  if ((args.u(2) & ~u32{GRND_NONBLOCK | GRND_RANDOM | 4}) != 0 || (args.u(2) & 6) == 6) return err(EINVAL);
  constexpr std::size_t chunk = 4096;
  std::byte bytes[chunk];
  const u64 wanted = std::min<u64>(args[1], INT32_MAX);
  u64 done = 0;
  while (done < wanted) {
    const ssize_t n = ::getrandom(bytes, std::min<u64>(chunk, wanted - done), 0);
    if (n < 0) return err(Errno::last());
    const std::size_t copied =
        task.mm().copy_out_some(args.addr(0) + done, bytes, static_cast<std::size_t>(n));
    done += copied;
    if (copied < static_cast<std::size_t>(n)) break;
    if (task.interrupted()) break;
  }
  if (done == 0 && wanted != 0) return err(EFAULT);
  return done;
}

QUIRE_SYSCALL(getcpu) {
  unsigned cpu = 0, node = 0;
  ::getcpu(&cpu, &node);
  if (args.addr(0) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(0), cpu));
  if (args.addr(1) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(1), node));
  return 0;
}

QUIRE_SYSCALL(personality) {
  const u32 old = task.process().personality.load();
  if (args.u(0) != ~u32{0}) task.process().personality = args.u(0);
  return old;
}

QUIRE_SYSCALL(syslog) {
  switch (args.i(0)) {
    case 3:
    case 4:
      return 0;  // an empty ring
    case 9:
      return 0;  // nothing unread
    case 10:
      return 0;  // its size
    case 2:
      return err(EPERM);
    default:
      return args.i(0) >= 0 && args.i(0) <= 8 ? Result<u64>(0) : err(EINVAL);
  }
}

// --- limits and usage
// -----------------------------------------------------------------------------------------

QUIRE_SYSCALL(getrlimit) {
  if (args.u(0) >= RLIM_NLIMITS) return err(EINVAL);
  TRY_VOID(task.mm().write(args.addr(1), task.process().limit(args.i(0))));
  return 0;
}

QUIRE_SYSCALL(setrlimit) {
  if (args.u(0) >= RLIM_NLIMITS) return err(EINVAL);
  TRY_VOID(apply_limit(task, task, args.i(0), TRY(task.mm().read<struct rlimit>(args.addr(1)))));
  return 0;
}

QUIRE_SYSCALL(prlimit64) {
  if (args.u(1) >= RLIM_NLIMITS) return err(EINVAL);
  Ref<Task> target = TRY(task_by_id(task, args.i(0)));
  if (!may_inspect(task, *target)) return err(EPERM);
  const struct rlimit old = target->process().limit(args.i(1));
  if (args.addr(2) != GuestAddr{})
    TRY_VOID(apply_limit(task, *target, args.i(1), TRY(task.mm().read<struct rlimit>(args.addr(2)))));
  if (args.addr(3) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(3), old));
  return 0;
}

QUIRE_SYSCALL(getrusage) {
  task::Usage usage;
  switch (args.i(0)) {
    case RUSAGE_SELF:
      usage = task.process().usage();
      usage.max_resident_bytes = task.process().peak_resident_bytes();
      break;
    case RUSAGE_CHILDREN:
      usage = task.process().children_usage();
      break;
    case RUSAGE_THREAD:
      usage = task.usage();
      usage.max_resident_bytes = task.process().peak_resident_bytes();
      break;
    default:
      return err(EINVAL);
  }
  TRY_VOID(task.mm().write(args.addr(1), to_rusage(usage)));
  return 0;
}

// --- scheduling
// -----------------------------------------------------------------------------------------------

QUIRE_SYSCALL(sched_yield) {
  ::sched_yield();
  return 0;
}

QUIRE_SYSCALL(getpriority) {
  int best = 20;
  for (const Ref<Task>& t : TRY(tasks_of(task, args.i(0), args.u(1)))) best = std::min(best, t->nice);
  return static_cast<u64>(20 - best);
}

QUIRE_SYSCALL(setpriority) {
  const int nice = std::clamp(args.i(2), -20, 19);
  for (const Ref<Task>& t : TRY(tasks_of(task, args.i(0), args.u(1)))) {
    const rlim_t lowest = t->process().limit(RLIMIT_NICE).rlim_cur;
    if (nice < t->nice && !task.credentials().capable(cap_sys_nice) &&
        static_cast<rlim_t>(20 - nice) > lowest)
      return err(EACCES);
    t->nice = nice;
  }
  return 0;
}

QUIRE_SYSCALL(sched_setaffinity) {
  Ref<Task> target = TRY(task_by_id(task, args.i(0)));
  std::vector<u8> mask(std::min<u64>(args[1], 128));
  TRY_VOID(task.mm().copy_in(mask.data(), args.addr(2), mask.size()));
  u64 wanted = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(mask.size(), 8); ++i) wanted |= u64{mask[i]} << (8 * i);
  wanted &= task.kernel().cpu_mask();
  if (wanted == 0) return err(EINVAL);
  target->affinity = wanted;
  return 0;
}

QUIRE_SYSCALL(sched_getaffinity) {
  Ref<Task> target = TRY(task_by_id(task, args.i(0)));
  const u64 mask =
      target->affinity != 0 ? target->affinity & task.kernel().cpu_mask() : task.kernel().cpu_mask();
  if (args[1] < sizeof mask || args[1] % sizeof(u64) != 0) return err(EINVAL);
  TRY_VOID(task.mm().write(args.addr(2), mask));
  return sizeof mask;
}

QUIRE_SYSCALL(sched_setscheduler) {
  Ref<Task> target = TRY(task_by_id(task, args.i(0)));
  constexpr int reset_on_fork = 0x40000000;
  const i32 priority = TRY(task.mm().read<i32>(args.addr(2)));
  TRY_VOID(
      set_scheduler(task, *target, args.i(1) & ~reset_on_fork, priority, (args.i(1) & reset_on_fork) != 0));
  return 0;
}

QUIRE_SYSCALL(sched_getscheduler) {
  const task::Task::Scheduling s = TRY(task_by_id(task, args.i(0)))->scheduling;
  return static_cast<u64>(s.policy | (s.reset_on_fork ? 0x40000000 : 0));
}

QUIRE_SYSCALL(sched_setparam) {
  Ref<Task> target = TRY(task_by_id(task, args.i(0)));
  const i32 priority = TRY(task.mm().read<i32>(args.addr(1)));
  TRY_VOID(
      set_scheduler(task, *target, target->scheduling.policy, priority, target->scheduling.reset_on_fork));
  return 0;
}

QUIRE_SYSCALL(sched_getparam) {
  TRY_VOID(task.mm().write(args.addr(1), i32{TRY(task_by_id(task, args.i(0)))->scheduling.priority}));
  return 0;
}

QUIRE_SYSCALL(sched_get_priority_max) {
  if (!valid_policy(args.i(0))) return err(EINVAL);
  return is_realtime(args.i(0)) ? 99 : 0;
}
QUIRE_SYSCALL(sched_get_priority_min) {
  if (!valid_policy(args.i(0))) return err(EINVAL);
  return is_realtime(args.i(0)) ? 1 : 0;
}

QUIRE_SYSCALL(sched_rr_get_interval) {
  Ref<Task> target = TRY(task_by_id(task, args.i(0)));
  const u64 slice = target->scheduling.policy == SCHED_RR     ? 100'000'000
                    : target->scheduling.policy == SCHED_FIFO ? 0
                                                              : 4'000'000;
  TRY_VOID(task.mm().write(args.addr(1), task::to_timespec(slice)));
  return 0;
}

namespace {
struct SchedAttr {
  u32 size, policy;
  u64 flags;
  i32 nice;
  u32 priority;
  u64 runtime, deadline, period;
};
static_assert(sizeof(SchedAttr) == 48);
}  // namespace

QUIRE_SYSCALL(sched_setattr) {
  if (args.u(2) != 0) return err(EINVAL);
  const u32 size = TRY(task.mm().read<u32>(args.addr(1)));
  if (size != 0 && size < sizeof(SchedAttr)) return err(EINVAL);
  const auto a = TRY(task.mm().read<SchedAttr>(args.addr(1)));
  Ref<Task> target = TRY(task_by_id(task, args.i(0)));
  TRY_VOID(set_scheduler(task, *target, static_cast<int>(a.policy), static_cast<int>(a.priority),
                         (a.flags & 1) != 0));
  if (!is_realtime(static_cast<int>(a.policy))) target->nice = std::clamp(a.nice, -20, 19);
  return 0;
}

QUIRE_SYSCALL(sched_getattr) {
  if (args.u(3) != 0 || args.u(2) < sizeof(SchedAttr)) return err(EINVAL);
  Ref<Task> target = TRY(task_by_id(task, args.i(0)));
  const SchedAttr a{.size = sizeof(SchedAttr),
                    .policy = static_cast<u32>(target->scheduling.policy),
                    .flags = target->scheduling.reset_on_fork,
                    .nice = target->nice,
                    .priority = static_cast<u32>(target->scheduling.priority),
                    .runtime = 0,
                    .deadline = 0,
                    .period = 0};
  TRY_VOID(task.mm().write(args.addr(1), a));
  return 0;
}

QUIRE_SYSCALL(membarrier) {
  constexpr u32 supported = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_PRIVATE_EXPEDITED |
                            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
                            MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED;
  if (args.u(1) != 0) return err(EINVAL);
  if (args.i(0) == MEMBARRIER_CMD_QUERY) return supported;
  if ((args.u(0) & ~supported) != 0 || __builtin_popcount(args.u(0)) != 1) return err(EINVAL);
  if (args.i(0) == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED ||
      args.i(0) == MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED)
    return 0;
  task.kernel().interrupt_running(args.i(0) == MEMBARRIER_CMD_PRIVATE_EXPEDITED ? &task.process() : nullptr,
                                  task);
  return 0;
}

QUIRE_SYSCALL(ioprio_get) { return 0; }
QUIRE_SYSCALL(ioprio_set) { return 0; }

// --- prctl and arch_prctl
// ---------------------------------------------------------------------------------------

QUIRE_SYSCALL(arch_prctl) {
  platform::Registers& regs = task.regs();
  switch (args[0]) {
    case arch_set_fs:
    case arch_set_gs:
      if (args[1] >= user_limit) return err(EPERM);
      (args[0] == arch_set_fs ? regs.fs_base : regs.gs_base) = args[1];
      return 0;
    case arch_get_fs:
      TRY_VOID(task.mm().write(args.addr(1), regs.fs_base));
      return 0;
    case arch_get_gs:
      TRY_VOID(task.mm().write(args.addr(1), regs.gs_base));
      return 0;
    default:
      return err(EINVAL);
  }
}

QUIRE_SYSCALL(prctl) {
  switch (args.i(0)) {
    case PR_SET_PDEATHSIG:
      if (args[1] != 0 && !task::valid_signal(static_cast<int>(args[1]))) return err(EINVAL);
      task.parent_death_signal = args.i(1);
      return 0;
    case PR_GET_PDEATHSIG:
      TRY_VOID(task.mm().write(args.addr(1), i32{task.parent_death_signal}));
      return 0;
    case PR_GET_DUMPABLE:
      return task.process().dumpable.load();
    case PR_SET_DUMPABLE:
      if (args[1] > 1) return err(EINVAL);
      task.process().dumpable = args[1] != 0;
      return 0;
    case PR_SET_NAME: {
      char name[16]{};
      const std::size_t got = task.mm().copy_in_some(name, args.addr(1), sizeof name - 1);
      if (got == 0) return err(EFAULT);
      task.set_comm(name);
      return 0;
    }
    case PR_GET_NAME: {
      char name[16]{};
      task.comm().copy(name, sizeof name - 1);
      TRY_VOID(task.mm().copy_out(args.addr(1), name, sizeof name));
      return 0;
    }
    case PR_SET_CHILD_SUBREAPER:
      task.process().child_subreaper = args[1] != 0;
      return 0;
    case PR_GET_CHILD_SUBREAPER:
      TRY_VOID(task.mm().write(args.addr(1), i32{task.process().child_subreaper.load()}));
      return 0;
    case PR_SET_TIMERSLACK:
      task.timer_slack_ns = args[1] != 0 ? args[1] : 50'000;
      return 0;
    case PR_GET_TIMERSLACK:
      return task.timer_slack_ns;
    case PR_SET_THP_DISABLE:
      if (args[2] != 0 || args[3] != 0 || args[4] != 0) return err(EINVAL);
      task.process().huge_pages_off = args[1] != 0;
      task.mm().set_huge_pages_off(args[1] != 0);
      return 0;
    case PR_GET_THP_DISABLE:
      if (args[1] != 0 || args[2] != 0 || args[3] != 0 || args[4] != 0) return err(EINVAL);
      return task.process().huge_pages_off.load();
    case PR_SET_TSC:
      return args[1] == PR_TSC_ENABLE ? Result<u64>(0) : err(EINVAL);
    case PR_GET_TSC:
      TRY_VOID(task.mm().write(args.addr(1), i32{PR_TSC_ENABLE}));
      return 0;
    case PR_GET_SECCOMP:
      return 0;
    case PR_GET_TID_ADDRESS:
      TRY_VOID(task.mm().write(args.addr(1), task.clear_child_tid.value()));
      return 0;
    case PR_SET_VMA:
      return err(EINVAL);
    case PR_MCE_KILL:
      return 0;
    case PR_GET_TIMING:
      return 0;
    case PR_GET_SPECULATION_CTRL:
      return err(ENODEV);
    case PR_SET_PTRACER:
      return 0;
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
    case PR_GET_KEEPCAPS:
    case PR_SET_KEEPCAPS:
    case PR_GET_SECUREBITS:
    case PR_SET_SECUREBITS:
    case PR_SET_NO_NEW_PRIVS:
    case PR_GET_NO_NEW_PRIVS:
    case PR_CAP_AMBIENT:
      return prctl_credentials(task, args);
    default:
      return err(EINVAL);
  }
}

// --- other processes' memory
// --------------------------------------------------------------------------------------

namespace {

Result<u64> transfer(Task& task, const Args& args, bool write) {
  if (args[5] != 0) return err(EINVAL);
  auto local = TRY(read_iovecs(task.mm(), args.addr(1), args[2]));
  auto remote = TRY(read_iovecs(task.mm(), args.addr(3), args[4]));
  Ref<Task> other = task.kernel().find_task(args.i(0));
  if (!other) return err(ESRCH);
  if (!may_inspect(task, *other)) return err(EPERM);
  Ref<mm::AddressSpace> mm = other->mm_snapshot();
  if (!mm) return err(ESRCH);
  return copy_between(write ? task.mm() : *mm, write ? *mm : task.mm(), write ? local : remote,
                      write ? remote : local);
}

}  // namespace

QUIRE_SYSCALL(process_vm_readv) { return transfer(task, args, false); }
QUIRE_SYSCALL(process_vm_writev) { return transfer(task, args, true); }

}  // namespace quire::syscall
