#include "kernel/platform/native/blob.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace quire::platform::native {
namespace {

/// Calls without parameters whose answer the kernel may publish in a slot.
constexpr std::array<u32, 8> answerable = {SYS_getpid,  SYS_gettid,  SYS_getuid,  SYS_getgid,
                                           SYS_geteuid, SYS_getegid, SYS_getppid, SYS_getpgrp};
static_assert(answerable.size() < 32);

constexpr u32 low(u64 v) { return static_cast<u32>(v); }
constexpr u32 high(u64 v) { return static_cast<u32>(v >> 32); }

/// What a guest thread may do: futex WAIT and WAKE and rt_sigreturn, each from its one instruction in
/// the stub's code. Everything else, of whatever architecture, traps.
std::array<sock_filter, 17> guest_filter() {
  const u64 futex_ip = stub_address(quire_stub_futex_ip);
  const u64 sigreturn_ip = stub_address(quire_stub_sigreturn_ip);
  constexpr u32 nr = offsetof(seccomp_data, nr), arch = offsetof(seccomp_data, arch),
                ip = offsetof(seccomp_data, instruction_pointer), op = offsetof(seccomp_data, args[1]);
  constexpr u16 load = BPF_LD | BPF_W | BPF_ABS, equal = BPF_JMP | BPF_JEQ | BPF_K,
                greater = BPF_JMP | BPF_JGT | BPF_K, ret = BPF_RET | BPF_K;
  return {{
      BPF_STMT(load, arch),
      BPF_JUMP(equal, AUDIT_ARCH_X86_64, 0, 14),
      BPF_STMT(load, ip + 4),
      BPF_JUMP(equal, high(futex_ip), 0, 12),
      BPF_STMT(load, nr),
      BPF_JUMP(equal, SYS_futex, 3, 0),
      BPF_JUMP(equal, SYS_rt_sigreturn, 0, 9),
      BPF_STMT(load, ip),
      BPF_JUMP(equal, low(sigreturn_ip), 6, 7),
      BPF_STMT(load, ip),
      BPF_JUMP(equal, low(futex_ip), 0, 5),
      BPF_STMT(load, op + 4),
      BPF_JUMP(equal, 0, 0, 3),
      BPF_STMT(load, op),
      BPF_JUMP(greater, FUTEX_WAKE, 1, 0),
      BPF_STMT(ret, SECCOMP_RET_ALLOW),
      BPF_STMT(ret, SECCOMP_RET_TRAP),
  }};
}

/// All that stub.S and its requests ever call, the frequent ones first.
constexpr std::array<u32, 18> agent_calls = {
    SYS_futex,   SYS_rt_sigreturn, SYS_mmap,    SYS_munmap,      SYS_mprotect,       SYS_write,
    SYS_clone,   SYS_exit_group,   SYS_close,   SYS_recvmsg,     SYS_mremap,         SYS_prctl,
    SYS_getppid, SYS_close_range,  SYS_seccomp, SYS_sigaltstack, SYS_rt_sigprocmask, SYS_sched_setattr};

}  // namespace

bool install_agent_filter() {
  constexpr u16 load = BPF_LD | BPF_W | BPF_ABS, equal = BPF_JMP | BPF_JEQ | BPF_K, ret = BPF_RET | BPF_K;
  constexpr auto n = agent_calls.size();
  std::array<sock_filter, n + 5> program{};
  program[0] = BPF_STMT(load, offsetof(seccomp_data, arch));
  program[1] = BPF_JUMP(equal, AUDIT_ARCH_X86_64, 0, n + 1);
  program[2] = BPF_STMT(load, offsetof(seccomp_data, nr));
  for (std::size_t i = 0; i < n; ++i)
    program[3 + i] = BPF_JUMP(equal, agent_calls[i], static_cast<u8>(n - i), 0);
  program[3 + n] = BPF_STMT(ret, SECCOMP_RET_TRAP);
  program[4 + n] = BPF_STMT(ret, SECCOMP_RET_ALLOW);
  sock_fprog header{static_cast<unsigned short>(program.size()), program.data()};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &header) == 0;
}

u32 answer_place(u32 nr) {
  for (u32 i = 0; i < answerable.size(); ++i)
    if (answerable[i] == nr) return i + 1;
  return 0;
}

void install_blob(ControlFile& control) {
  auto* code = control.at<char>(ControlFile::code_offset);
  const auto size = static_cast<std::size_t>(quire_stub_end - quire_stub_begin);
  static_assert(FUTEX_WAIT == 0 && FUTEX_WAKE == 1);
  std::memcpy(code, quire_stub_begin, size);
  const auto program = guest_filter();
  struct {
    u16 length;
    u16 pad[3];
    u64 program;
  } header{static_cast<u16>(program.size()), {}, stub_address(quire_stub_filter_program)};
  static_assert(sizeof header == sizeof(sock_fprog));
  std::memcpy(code + (quire_stub_filter - quire_stub_begin), &header, sizeof header);
  std::memcpy(code + (quire_stub_filter_program - quire_stub_begin), program.data(), sizeof program);
  for (u32 nr : answerable)
    code[(quire_stub_answer_index - quire_stub_begin) + nr] = static_cast<char>(answer_place(nr));
}

}  // namespace quire::platform::native
