#include "kernel/main/confine.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "kernel/abi/newer_calls.h"

namespace quire::confine {
namespace {

constexpr u64 bit(int cap) { return u64{1} << cap; }

// Those that are newer than Debian 12's headers, by the version that brought them.
constexpr u64 right_refer_v2 = u64{1} << 13;
constexpr u64 right_truncate_v3 = u64{1} << 14;
constexpr u64 right_tcp_v4 = 3;  // bind, connect
constexpr u64 right_ioctl_v5 = u64{1} << 15;
constexpr u64 scopes_v6 = 3;  // abstract sockets, signals
constexpr u64 rights_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr u64 rights_write = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                             LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |
                             LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO;
// Handled, so refused everywhere: making devices and running programs.
constexpr u64 rights_never =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;

Result<> allow_beneath(int ruleset, int dir, u64 rights) {
  struct stat st;
  if (::fstat(dir, &st) != 0) return err(Errno::last());
  // Rights that only directories have are refused on a file (a volume may be one).
  if (!S_ISDIR(st.st_mode))
    rights &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | right_truncate_v3;
  landlock_path_beneath_attr rule{.allowed_access = rights, .parent_fd = dir};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    return err(Errno::last());
  return {};
}

// What the kernel process calls once it runs, by purpose.
constexpr int calls_always[] = {
    // memory: the memory file, thread stacks, malloc
    SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk, SYS_mincore, SYS_cachestat,
    SYS_ftruncate, SYS_fallocate, SYS_memfd_create, SYS_membarrier,
    // threads and sleeping
    SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_exit, SYS_exit_group, SYS_gettid, SYS_getpid, SYS_getppid,
    SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getparam, SYS_sched_getscheduler,
    SYS_sched_getattr, SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres,
    SYS_restart_syscall, SYS_getcpu, SYS_gettimeofday, SYS_time,
    // signals and stubs
    SYS_rt_sigreturn, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_kill,
    SYS_tgkill, SYS_wait4, SYS_waitid, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_send_signal,
    SYS_pidfd_open, SYS_sendmsg, SYS_recvmsg, SYS_sendto, SYS_recvfrom, SYS_getpgid, SYS_getsid,
    // descriptors
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev,
    SYS_preadv2, SYS_pwritev2, SYS_close, SYS_close_range, SYS_dup, SYS_dup3, SYS_fcntl, SYS_lseek, SYS_poll,
    SYS_ppoll, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_wait, SYS_epoll_pwait, SYS_eventfd2, SYS_pipe2,
    SYS_timerfd_create, SYS_timerfd_settime, SYS_ioctl, SYS_fsync, SYS_fdatasync, SYS_fadvise64,
    SYS_readahead, SYS_copy_file_range, SYS_sendfile, SYS_splice,
    // looking at files
    SYS_open, SYS_openat, SYS_openat2, SYS_newfstatat, SYS_fstat, SYS_stat, SYS_lstat, SYS_statx,
    SYS_getdents64, SYS_readlink, SYS_readlinkat, SYS_statfs, SYS_fstatfs, SYS_access, SYS_faccessat,
    SYS_faccessat2, SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr, SYS_listxattr, SYS_llistxattr, SYS_flistxattr,
    SYS_fstatfs, SYS_flock,
    // facts
    SYS_getrandom, SYS_uname, SYS_sysinfo, SYS_getrusage, SYS_times, SYS_prlimit64, SYS_getuid, SYS_geteuid,
    SYS_getgid, SYS_getegid, SYS_getgroups, SYS_getpriority, SYS_setpriority};
constexpr int calls_writing[] = {SYS_mkdirat,
                                 SYS_unlinkat,
                                 SYS_renameat2,
                                 SYS_linkat,
                                 SYS_symlinkat,
                                 SYS_fchmod,
                                 SYS_fchmodat,
                                 SYS_fchownat,
                                 SYS_fchown,
                                 SYS_utimensat,
                                 SYS_setxattr,
                                 SYS_lsetxattr,
                                 SYS_fsetxattr,
                                 SYS_removexattr,
                                 SYS_lremovexattr,
                                 SYS_fremovexattr,
                                 SYS_syncfs,
                                 SYS_mknodat,
                                 452 /* fchmodat2 */};
constexpr int calls_network[] = {SYS_connect,    SYS_bind,        SYS_listen,
                                 SYS_accept4,    SYS_getsockname, SYS_getpeername,
                                 SYS_getsockopt, SYS_setsockopt,  SYS_shutdown};

class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    add(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    ret(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
  }
  void allow(int nr) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<u32>(nr), 0, 1);
    ret(SECCOMP_RET_ALLOW);
  }
  /// Allows nr if argument `index` & mask == value (low 32 bits).
  void allow_if(int nr, int index, u32 mask, u32 value) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<u32>(nr), 0, 5);
    load(static_cast<u32>(offsetof(seccomp_data, args) + 8 * static_cast<std::size_t>(index)));
    add(BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    ret(SECCOMP_RET_ALLOW);
    load(offsetof(seccomp_data, nr));
  }
  void refuse(int nr, int error) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<u32>(nr), 0, 1);
    ret(SECCOMP_RET_ERRNO | static_cast<u32>(error));
  }
  Result<> install() {
    ret(SECCOMP_RET_ERRNO | EPERM);
    sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
      return err(Errno::last());
    return {};
  }

 private:
  void add(unsigned op, u32 k, u8 yes, u8 no) { code_.push_back({static_cast<u16>(op), yes, no, k}); }
  void load(u32 offset) { add(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0); }
  void ret(u32 action) { add(BPF_RET | BPF_K, action, 0, 0); }
  std::vector<sock_filter> code_;
};

}  // namespace

u64 kept_capabilities(bool writes) {
  if (::geteuid() != 0) return 0;
  u64 keep = bit(CAP_DAC_READ_SEARCH);
  if (writes) keep |= bit(CAP_DAC_OVERRIDE) | bit(CAP_CHOWN) | bit(CAP_FOWNER);
  return keep;
}

Result<> drop_capabilities(u64 keep) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return err(Errno::last());
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  if (::syscall(SYS_capget, &header, data) != 0) return err(Errno::last());
  u64 permitted = u64{data[1].permitted} << 32 | data[0].permitted;
  if ((data[0].effective & bit(CAP_SETPCAP)) != 0)
    for (int cap = 0; cap <= CAP_LAST_CAP; ++cap) ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  u64 left = permitted & keep;
  for (int i = 0; i < 2; ++i) {
    u32 part = static_cast<u32>(left >> (32 * i));
    data[i] = {.effective = part, .permitted = part, .inheritable = 0};
  }
  if (::syscall(SYS_capset, &header, data) != 0) return err(Errno::last());
  return {};
}

u64 landlock_rights(long abi, bool writable) {
  if (!writable) return rights_read;
  return rights_read | rights_write | (abi >= 2 ? right_refer_v2 : 0) | (abi >= 3 ? right_truncate_v3 : 0);
}

LandlockRules landlock_rules(long abi, bool network) {
  LandlockRules rules;
  rules.files = landlock_rights(abi, true) | rights_never;
  // Device files are never opened by name; what came as a descriptor is not asked about.
  if (abi >= 5) rules.files |= right_ioctl_v5;
  if (abi >= 4 && !network) rules.network = right_tcp_v4;
  if (abi >= 6) rules.scoped = scopes_v6;
  return rules;
}

Result<long> restrict_files(const FileAccess& access) {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return long{0};
  const LandlockRules rules = landlock_rules(abi, access.network);
  const std::size_t known = abi >= 6 ? sizeof rules : abi >= 4 ? 16 : 8;
  const long ruleset = ::syscall(SYS_landlock_create_ruleset, &rules, known, 0);
  if (ruleset < 0) return err(Errno::last());
  const int fd = static_cast<int>(ruleset);
  auto build = [&]() -> Result<long> {
    for (int dir : access.readable) TRY_VOID(allow_beneath(fd, dir, landlock_rights(abi, false)));
    for (int dir : access.writable) TRY_VOID(allow_beneath(fd, dir, landlock_rights(abi, true)));
    if (::syscall(SYS_landlock_restrict_self, fd, 0) != 0) return err(Errno::last());
    return abi;
  };
  Result<long> done = build();
  ::close(fd);
  return done;
}

Result<> restrict_calls(bool network, bool writes) {
  Filter filter;
  for (int nr : calls_always) filter.allow(nr);
  if (writes)
    for (int nr : calls_writing) filter.allow(nr);
  if (network) {
    for (int nr : calls_network) filter.allow(nr);
    // Never the host's own: AF_UNIX is the sandbox's.
    for (u32 family : {AF_INET, AF_INET6}) filter.allow_if(SYS_socket, 0, ~u32{0}, family);
  }
  // Threads, never processes: the stubs' template does the forking.
  filter.allow_if(SYS_clone, 0, CLONE_THREAD, CLONE_THREAD);
  filter.refuse(SYS_clone3, ENOSYS);                  // its flags cannot be seen; glibc then uses clone
  filter.allow_if(SYS_sched_setattr, 0, ~u32{0}, 0);  // its own scheduling only
  filter.allow_if(SYS_prctl, 0, ~u32{0}, PR_SET_NAME);
  filter.allow_if(SYS_prctl, 0, ~u32{0}, 0x53564d41 /* PR_SET_VMA */);
  return filter.install();
}

}  // namespace quire::confine
