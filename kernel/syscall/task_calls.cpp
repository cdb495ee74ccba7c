// System calls that make, replace, end and wait for tasks.
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>

#include <algorithm>

#include "kernel/abi/restart.h"
#include "kernel/syscall/handlers_task.h"
#include "kernel/syscall/support.h"
#include "kernel/task/kernel.h"
#include "kernel/task/pidfd.h"
#include "kernel/vfs/fd_table.h"
#include "kernel/vfs/fs_context.h"
#include "kernel/vfs/operations.h"

namespace quire::syscall {

namespace {

constexpr std::size_t max_path = 4096;
constexpr std::size_t max_argument = 32 * page_size;
constexpr std::size_t max_arguments_bytes = 6u << 20;

/// The strings of argv or envp. A null vector is an empty one.
Result<std::vector<std::string>> read_strings(Task& task, GuestAddr vector, std::size_t& budget) {
  std::vector<std::string> strings;
  if (vector == GuestAddr{}) return strings;
  for (;; vector += sizeof(u64)) {
    const u64 at = TRY(task.mm().read<u64>(vector));
    if (at == 0) return strings;
    Result<std::string> s = task.mm().copy_in_string(GuestAddr(at), max_argument);
    if (!s) return err(s.error().value() == ENAMETOOLONG ? E2BIG : s.error().value());
    const std::size_t cost = s->size() + 1 + sizeof(u64);
    if (cost > budget) return err(E2BIG);
    budget -= cost;
    strings.push_back(std::move(*s));
  }
}

Result<u64> exec(Task& task, task::Kernel::ExecRequest request, GuestAddr argv, GuestAddr envp) {
  std::size_t budget = max_arguments_bytes;
  request.argv = TRY(read_strings(task, argv, budget));
  request.envp = TRY(read_strings(task, envp, budget));
  TRY_VOID(task.kernel().exec(task, std::move(request)));
  return 0;
}

struct CloneArgs {
  u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
constexpr u64 clone_args_v0 = 64;

struct timeval to_timeval(u64 ns) {
  return {.tv_sec = static_cast<time_t>(ns / 1'000'000'000),
          .tv_usec = static_cast<suseconds_t>(ns / 1000 % 1'000'000)};
}

}  // namespace

struct rusage to_rusage(const task::Usage& usage) {
  struct rusage r{};
  r.ru_utime = to_timeval(usage.user_ns);
  r.ru_stime = to_timeval(usage.system_ns);
  r.ru_maxrss = static_cast<long>(usage.max_resident_bytes / 1024);
  r.ru_minflt = static_cast<long>(usage.minor_faults);
  r.ru_majflt = static_cast<long>(usage.major_faults);
  r.ru_nvcsw = static_cast<long>(usage.voluntary_switches);
  return r;
}

QUIRE_SYSCALL(fork) {
  return static_cast<u64>(TRY(task.kernel().clone(task, {.flags = 0,
                                                         .exit_signal = SIGCHLD,
                                                         .stack = {},
                                                         .tls = 0,
                                                         .parent_tid = {},
                                                         .child_tid = {},
                                                         .pidfd = {},
                                                         .set_tid = 0})));
}

QUIRE_SYSCALL(vfork) {
  return static_cast<u64>(TRY(task.kernel().clone(task, {.flags = CLONE_VFORK | CLONE_VM,
                                                         .exit_signal = SIGCHLD,
                                                         .stack = {},
                                                         .tls = 0,
                                                         .parent_tid = {},
                                                         .child_tid = {},
                                                         .pidfd = {},
                                                         .set_tid = 0})));
}

QUIRE_SYSCALL(clone) {
  // clone(flags, stack, parent_tid, child_tid, tls); CLONE_PIDFD uses the parent_tid argument.
  const u64 flags = args.u(0);
  if ((flags & CLONE_PIDFD) != 0 && (flags & CLONE_PARENT_SETTID) != 0) return err(EINVAL);
  const int exit_signal = static_cast<int>(flags & CSIGNAL);
  return static_cast<u64>(TRY(task.kernel().clone(task, {.flags = flags & ~u64{CSIGNAL},
                                                         .exit_signal = exit_signal,
                                                         .stack = args.addr(1),
                                                         .tls = args[4],
                                                         .parent_tid = args.addr(2),
                                                         .child_tid = args.addr(3),
                                                         .pidfd = args.addr(2),
                                                         .set_tid = 0})));
}

QUIRE_SYSCALL(clone3) {
  const u64 size = args[1];
  if (size > page_size) return err(E2BIG);
  if (size < clone_args_v0) return err(EINVAL);
  CloneArgs c{};
  TRY_VOID(task.mm().copy_in(&c, args.addr(0), std::min<std::size_t>(size, sizeof c)));
  for (u64 at = sizeof c; at < size; ++at)
    if (TRY(task.mm().read<u8>(args.addr(0) + at)) != 0) return err(E2BIG);
  if (c.exit_signal > CSIGNAL || (c.flags & CSIGNAL) != 0 || (c.flags & CLONE_DETACHED) != 0)
    return err(EINVAL);
  if (c.exit_signal > task::signal_count) return err(EINVAL);
  if ((c.flags & (CLONE_THREAD | CLONE_PARENT)) != 0 && c.exit_signal != 0) return err(EINVAL);
  if ((c.stack == 0) != (c.stack_size == 0)) return err(EINVAL);
  task::Pid set_tid = 0;
  if ((c.set_tid == 0) != (c.set_tid_size == 0) || c.set_tid_size > 1) return err(EINVAL);
  if (c.set_tid != 0) {
    set_tid = TRY(task.mm().read<i32>(GuestAddr(c.set_tid)));
    if (set_tid <= 1 || set_tid >= 4194304) return err(EINVAL);
    if (!task.credentials().capable(40 /* CAP_CHECKPOINT_RESTORE */)) return err(EPERM);
  }
  return static_cast<u64>(TRY(task.kernel().clone(task, {.flags = c.flags,
                                                         .exit_signal = static_cast<int>(c.exit_signal),
                                                         .stack = GuestAddr(c.stack + c.stack_size),
                                                         .tls = c.tls,
                                                         .parent_tid = GuestAddr(c.parent_tid),
                                                         .child_tid = GuestAddr(c.child_tid),
                                                         .pidfd = GuestAddr(c.pidfd),
                                                         .set_tid = set_tid})));
}

QUIRE_SYSCALL(execve) {
  std::string path = TRY(task.mm().copy_in_string(args.addr(0), max_path));
  return exec(task, {.path = std::move(path), .file = {}, .argv = {}, .envp = {}}, args.addr(1),
              args.addr(2));
}

QUIRE_SYSCALL(execveat) {
  const u32 flags = args.u(4);
  if ((flags & ~u32{AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW}) != 0) return err(EINVAL);
  std::string path = TRY(task.mm().copy_in_string(args.addr(1), max_path));
  const vfs::Lookup at = TRY(lookup_at(task, args.i(0), path));
  if (path.empty() && (flags & AT_EMPTY_PATH) == 0) return err(ENOENT);
  Ref<vfs::File> file =
      TRY(vfs::open_exec(at, path, (flags & AT_SYMLINK_NOFOLLOW) == 0, (flags & AT_EMPTY_PATH) != 0));
  if (args.i(0) != AT_FDCWD && (path.empty() || path.front() != '/'))
    path = "/dev/fd/" + std::to_string(args.i(0)) + (path.empty() ? "" : "/" + path);
  return exec(task, {.path = std::move(path), .file = std::move(file), .argv = {}, .envp = {}}, args.addr(2),
              args.addr(3));
}

QUIRE_SYSCALL(exit) {
  task.exit(args.i(0) & 0xff);
  return 0;
}

QUIRE_SYSCALL(exit_group) {
  task.process().begin_exit({.code = args.i(0) & 0xff, .signo = 0, .core = false});
  return 0;
}

QUIRE_SYSCALL(wait4) {
  const i32 pid = args.i(0);
  const u32 options = args.u(2);
  if ((options & ~u32{WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL}) != 0)
    return err(EINVAL);
  if (pid == INT32_MIN) return err(ESRCH);
  using Request = task::Kernel::WaitRequest;
  Request request;
  request.options = static_cast<int>(options | WEXITED);
  if (pid > 0)
    request = {Request::Who::pid, pid, request.options};
  else if (pid == 0)
    request = {Request::Who::group, 0, request.options};
  else if (pid < -1)
    request = {Request::Who::group, -pid, request.options};
  const auto result = TRY(task.kernel().wait(task, request));
  if (result.pid == 0) return 0;
  if (args.addr(1) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(1), i32{result.wait_status}));
  if (args.addr(3) != GuestAddr{}) TRY_VOID(task.mm().write(args.addr(3), to_rusage(result.usage)));
  return static_cast<u64>(result.pid);
}

QUIRE_SYSCALL(waitid) {
  const u32 options = args.u(3);
  if ((options &
       ~u32{WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL}) != 0)
    return err(EINVAL);
  if ((options & (WEXITED | WSTOPPED | WCONTINUED)) == 0) return err(EINVAL);
  using Request = task::Kernel::WaitRequest;
  Request request;
  request.options = static_cast<int>(options);
  const i32 id = args.i(1);
  switch (args.i(0)) {
    case P_ALL:
      break;
    case P_PID:
      if (id <= 0) return err(EINVAL);
      request.who = Request::Who::pid;
      request.id = id;
      break;
    case P_PGID:
      if (id < 0) return err(EINVAL);
      request.who = Request::Who::group;
      request.id = id;
      break;
    case P_PIDFD: {
      Ref<vfs::File> file = TRY(task.fds().get(id));
      const task::Process* process = task::process_of(*file);
      if (process == nullptr) return err(EBADF);
      request.who = Request::Who::pid;
      request.id = process->pid();
      if (file->nonblocking()) request.options |= WNOHANG;
      break;
    }
    default:
      return err(EINVAL);
  }
  const auto result = TRY(task.kernel().wait(task, request));
  if (args.addr(2) != GuestAddr{}) {
    siginfo_t info{};
    if (result.pid != 0) {
      info.si_signo = SIGCHLD;
      info.si_code = result.code;
      info.si_pid = result.pid;
      info.si_uid = result.uid;
      info.si_status = result.status;
    }
    TRY_VOID(task.mm().write(args.addr(2), info));
  }
  if (result.pid != 0 && args.addr(4) != GuestAddr{})
    TRY_VOID(task.mm().write(args.addr(4), to_rusage(result.usage)));
  return 0;
}

QUIRE_SYSCALL(set_tid_address) {
  task.clear_child_tid = args.addr(0);
  return static_cast<u64>(task.tid());
}

QUIRE_SYSCALL(unshare) {
  const u64 flags = args.u(0);
  constexpr u64 known = CLONE_FILES | CLONE_FS | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
  constexpr u64 namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                             CLONE_NEWPID | CLONE_NEWNET | 0x80;
  if ((flags & ~(known | namespaces)) != 0) return err(EINVAL);
  if ((flags & namespaces) != 0) return err(EPERM);
  if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) != 0 && task.process().task_count() > 1)
    return err(EINVAL);
  if ((flags & CLONE_FILES) != 0) task.set_fds(task.fds().copy());
  if ((flags & CLONE_FS) != 0) task.set_fs(task.fs().copy());
  return 0;
}

QUIRE_SYSCALL(pidfd_open) {
  if ((args.u(1) & ~u32{O_NONBLOCK}) != 0 || args.i(0) <= 0) return err(EINVAL);
  Ref<task::Process> process = task.kernel().find_process(args.i(0));
  if (!process) return err(task.kernel().find_task(args.i(0)) ? EINVAL : ESRCH);
  return static_cast<u64>(TRY(task.fds().install(task::make_pidfd(std::move(process), args.i(1)), true,
                                                 task.process().limit(RLIMIT_NOFILE).rlim_cur)));
}

QUIRE_SYSCALL(pidfd_getfd) {
  if (args[2] != 0) return err(EINVAL);
  Ref<vfs::File> file = TRY(task.fds().get(args.i(0)));
  task::Process* process = task::process_of(*file);
  if (process == nullptr) return err(EBADF);
  Ref<Task> other = process->any_task();
  if (!other) return err(ESRCH);
  if (!may_inspect(task, *other)) return err(EPERM);
  Ref<vfs::FdTable> fds = other->fds_snapshot();
  if (!fds) return err(ESRCH);
  return static_cast<u64>(
      TRY(task.fds().install(TRY(fds->get(args.i(1))), true, task.process().limit(RLIMIT_NOFILE).rlim_cur)));
}

QUIRE_SYSCALL(kcmp) {
  Ref<Task> a = task.kernel().find_task(args.i(0));
  Ref<Task> b = task.kernel().find_task(args.i(1));
  if (!a || !b) return err(ESRCH);
  if (!may_inspect(task, *a) || !may_inspect(task, *b)) return err(EPERM);
  auto order = [](const void* x, const void* y) -> u64 { return x == y ? 0 : x < y ? 1 : 2; };
  switch (args.i(2)) {
    case 0: {  // KCMP_FILE
      Ref<vfs::FdTable> fa = a->fds_snapshot(), fb = b->fds_snapshot();
      if (!fa || !fb) return err(EBADF);
      return order(TRY(fa->get(args.i(3))).get(), TRY(fb->get(args.i(4))).get());
    }
    case 1:
      return order(a->mm_snapshot().get(), b->mm_snapshot().get());  // KCMP_VM
    case 2:
      return order(a->fds_snapshot().get(), b->fds_snapshot().get());  // KCMP_FILES
    case 3:
      return order(a->fs_snapshot().get(), b->fs_snapshot().get());  // KCMP_FS
    case 4:
      return order(&a->process(), &b->process());  // KCMP_SIGHAND
    case 5:
    case 6:
      return order(&a->process(), &b->process());  // KCMP_IO, KCMP_SYSVSEM
    default:
      return err(EINVAL);
  }
}

}  // namespace quire::syscall
