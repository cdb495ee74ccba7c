// Code run by mm_run reaches nothing that was not mapped for it, and each of its system calls, whatever the
// way in, comes back to the caller and is carried out by nobody.
#define _GNU_SOURCE
#include "spaces.h"

#include <signal.h>
#include <sys/auxv.h>
#include <sys/wait.h>

static const int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;

// One instruction or two, then something that never ends.
static struct mm_context begin(int mm, const void* code, size_t n) {
  unsigned char text[64];
  memset(text, 0xcc, sizeof text);
  memcpy(text, code, n);
  CHECK(put(mm, code_at, text, sizeof text) == sizeof text);
  return start();
}
// A call came back, or an exception or a fault did: but never success.
static int came_back(int mm, struct mm_context* c) {
  int reason = (int)run(mm, c);
  return reason == MM_EXIT_SYSCALL || reason == MM_EXIT_FAULT || reason == MM_EXIT_EXCEPTION;
}

int main(void) {
  if (only_native()) return ended();
  int mm = space_with("\xcc", 1);
  struct mm_context c;

  // Every number, through the one instruction that is meant for it.
  c = begin(mm, "\x0f\x05\xeb\xfc", 4);  // syscall ; jmp back
  for (unsigned long nr = 0; nr < 480; ++nr) {
    c.regs.rax = nr;
    c.regs.rdi = c.regs.rsi = c.regs.rdx = 0;
    int reason = (int)run(mm, &c);
    if (reason == MM_EXIT_SYSCALL && c.regs.orig_rax == nr && c.regs.rip == code_at + 2) continue;
    printf("call %lu: reason %d, %#lx at %#lx\n", nr, reason, (unsigned long)c.regs.orig_rax,
           (unsigned long)c.regs.rip);
    ++failures;
  }
  static const unsigned long odd[] = {1000,       1003,       0x40000000, 0x40000027,
                                      0x7fffffff, 0xffffffff, ~0ul,       1ul << 32 | 39};
  for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; ++i) {
    c = begin(mm, "\x0f\x05", 2);
    c.regs.rax = odd[i];
    // A number of the x32 ABI is no call of this kernel's.
    int reason = (int)run(mm, &c);
    CHECK(reason == MM_EXIT_SYSCALL ? c.regs.orig_rax == odd[i]
                                    : reason == MM_EXIT_EXCEPTION && c.signal == SIGSEGV);
  }

  // What would be seen if it were carried out: exit, kill, a write to our output, files.
  char name[] = "/tmp/mm_isolation_XXXXXX";
  int file = mkstemp(name);
  CHECK(file >= 0);
  CHECK(put(mm, code_at + 4096, name, sizeof name) == sizeof name);
  const unsigned long data = code_at + 4096;
  const unsigned long telling[][4] = {
      {SYS_exit, 1},        {SYS_exit_group, 1},         {SYS_kill, (unsigned long)getpid(), 9},
      {SYS_unlink, data},   {SYS_write, 1, data, 10},    {SYS_close, (unsigned long)file},
      {SYS_fork},           {SYS_munmap, code_at, 8192}, {SYS_execve, data, 0, 0},
      {SYS_truncate, data}, {SYS_rt_sigreturn},          {SYS_prctl, 38, 1}};
  for (unsigned i = 0; i < sizeof telling / sizeof telling[0]; ++i) {
    c = begin(mm, "\x0f\x05", 2);
    c.regs.rax = telling[i][0];
    c.regs.rdi = telling[i][1];
    c.regs.rsi = telling[i][2];
    c.regs.rdx = telling[i][3];
    CHECK(run(mm, &c) == MM_EXIT_SYSCALL && c.regs.orig_rax == telling[i][0]);
  }
  CHECK(access(name, F_OK) == 0 && fcntl(file, F_GETFD) >= 0);

  // The other ways in. i386 numbers: unlink is 10, exit 1, getpid 20.
  static const unsigned long numbers_32[] = {1,  2,   3,   4,   6,   10,  11,  20,  37,  90,
                                             92, 119, 120, 125, 173, 192, 240, 252, 358, 449};
  for (unsigned i = 0; i < sizeof numbers_32 / sizeof numbers_32[0]; ++i) {
    unsigned long nr = numbers_32[i];
    c = begin(mm, "\xcd\x80", 2);  // int $0x80
    c.regs.rax = nr;
    c.regs.rbx = nr == 10 ? data : 0;
    CHECK(run(mm, &c) == MM_EXIT_EXCEPTION && c.signal == SIGSEGV && c.regs.rip == code_at + 2);
  }
  for (unsigned i = 0; i < sizeof numbers_32 / sizeof numbers_32[0]; ++i) {
    unsigned long nr = numbers_32[i];
    c = begin(mm, "\x0f\x34", 2);  // sysenter
    c.regs.rax = nr;
    c.regs.rbx = nr == 10 ? data : 0;
    c.regs.rbp = data + 512;
    CHECK(came_back(mm, &c));
  }
  // Into 32-bit code, and there int $0x80, sysenter and syscall.
  static const char* const in_32[] = {"\xb8\x01\0\0\0\xcd\x80", "\xb8\x01\0\0\0\x0f\x34",
                                      "\xb8\x01\0\0\0\x0f\x05"};
  for (unsigned i = 0; i < 3; ++i) {
    c = begin(mm, "\xff\x2c\x25\x80\x10\x00\x30", 7);  // ljmp *0x30001080
    unsigned char target[6] = {0x00, 0x11, 0x00, 0x30, 0x23, 0x00};
    CHECK(put(mm, code_at + 0x1080, target, 6) == 6 && put(mm, code_at + 0x1100, in_32[i], 7) == 7);
    CHECK(came_back(mm, &c));
  }
  // The page of vsyscalls: gettimeofday, time, getcpu.
  for (unsigned long page = 0xffffffffff600000; page <= 0xffffffffff600800; page += 0x400) {
    c = begin(mm, "\xff\xd0", 2);  // call *%rax
    c.regs.rax = page;
    c.regs.rdi = c.regs.rsi = 0;
    // Told as the call it is, or as a fault where the host has no such page; the code did not go on by
    // itself.
    CHECK(came_back(mm, &c) && (c.reason != MM_EXIT_EXCEPTION || c.signal != SIGTRAP));
  }
  CHECK(access(name, F_OK) == 0);

  // Nothing is there but what was mapped: not a page below the stack's top, not the caller's memory, no vdso.
  static const unsigned char reading[] = {0x48, 0x8b, 0x07};  // mov (%rdi),%rax
  const unsigned long absent[] = {0,
                                  4096,
                                  code_at - 4096,
                                  code_at + 8192,
                                  (unsigned long)main & ~4095ul,
                                  (unsigned long)&failures,
                                  (unsigned long)&c,
                                  (unsigned long)name,
                                  getauxval(AT_SYSINFO_EHDR),
                                  0x7ffff7fc0000,
                                  0x7fffbfffe000,
                                  0x7ffffffff000 - 4096};
  for (unsigned i = 0; i < sizeof absent / sizeof absent[0]; ++i) {
    c = begin(mm, reading, sizeof reading);
    c.regs.rdi = absent[i];
    int reason = (int)run(mm, &c);
    if (reason == MM_EXIT_FAULT && c.fault_address == absent[i]) continue;
    printf("address %#lx: reason %d\n", absent[i], reason);
    ++failures;
  }
  // The stub's own area, page by page: what can be read is the stub's code, its tables and this thread's own
  // context; nothing of it can be written but the context, no vdso or vvar is among it, and no jump into it
  // gets a call carried out.
  const unsigned long area = 0x7fffc0000000, vdso = area + 0x200000;
  for (unsigned long at = vdso; at < vdso + 0x10000; at += 4096) {
    c = begin(mm, reading, sizeof reading);
    c.regs.rdi = at;
    CHECK(run(mm, &c) == MM_EXIT_FAULT && c.fault_address == at);
  }
  static const unsigned char writing[] = {0x48, 0x89, 0x07};  // mov %rax,(%rdi)
  for (unsigned long at = area; at < area + 0x20000; at += 4096) {
    c = begin(mm, writing, sizeof writing);
    c.regs.rdi = at;
    CHECK(run(mm, &c) == MM_EXIT_FAULT && c.fault_access == MM_ACCESS_WRITE);
  }
  fflush(stdout);
  pid_t child = fork();  // whatever becomes of a stub that its guest has broken
  if (child == 0) {
    alarm(50);
    int bad = 0, gone = 0;
    unsigned char code[4096];
    int readable = space_with("\xcc", 1);
    for (unsigned long page = area; page < area + 0x4000; page += 4096) {
      // A copy of the stub's code, to find its syscall instructions.
      c = begin(readable, "\xf3\xa4", 2);  // rep movsb
      c.regs.rsi = page;
      c.regs.rdi = data;
      c.regs.rcx = 4096;
      if (run(readable, &c) != MM_EXIT_EXCEPTION || get(readable, code, data, 4096) != 4096) _exit(3);
      for (unsigned long at = 0; at + 1 < 4096; ++at) {
        if (code[at] != 0x0f || code[at + 1] != 0x05) continue;
        static const unsigned long numbers[] = {SYS_unlink, SYS_exit_group, SYS_kill};
        for (unsigned i = 0; i < 3; ++i) {
          int victim = space_with("\xff\xe1", 2);  // jmp *%rcx
          CHECK(put(victim, data, name, sizeof name) == sizeof name);
          c = start();
          c.regs.rcx = page + at;
          c.regs.rax = numbers[i];
          c.regs.rdi = numbers[i] == SYS_unlink ? data
                       : numbers[i] == SYS_kill ? (unsigned long)getppid()
                                                : 0;
          int reason = (int)run(victim, &c);
          gone += reason < 0;
          bad += !(reason == MM_EXIT_SYSCALL || reason == MM_EXIT_FAULT || reason == MM_EXIT_EXCEPTION ||
                   (reason < 0 && errno == ESRCH));
          close(victim);
        }
      }
    }
    _exit(failures + bad != 0 ? 1 : gone > 40 ? 2 : 0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  if (status != 0) printf("jumps into the stub: status %#x\n", (unsigned)status), ++failures;
  CHECK(access(name, F_OK) == 0);

  // No call is answered without the caller: getpid and its like, in text whose calls get patched here.
  extern const char __executable_start[], etext[];
  unsigned long text = (unsigned long)__executable_start & ~4095ul;
  unsigned long length = ((unsigned long)etext - text + 4095) & ~4095ul;
  int self = open("/proc/self/exe", O_RDONLY);
  static const unsigned char getpid_code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};  // as in our text below
  long (*volatile ask)(void);
  __asm__ volatile("jmp 1f; .balign 16; 0: mov $39,%%eax; syscall; ret; 1: lea 0b(%%rip),%0" : "=r"(ask));
  CHECK(memcmp((void*)ask, getpid_code, sizeof getpid_code) == 0);
  long pid = 0;
  for (int i = 0; i < 50; ++i) {
    long r;
    __asm__ volatile("call *%1" : "=a"(r) : "r"(ask) : "rcx", "r11", "memory");
    pid = r;
  }
  CHECK(pid == getpid());
  unsigned long there = 0x10000000;
  CHECK(INDIRECT(mm, SYS_mmap, there, length, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
                 (unsigned long)self, 0) == (long)there);
  // Our text begins at some offset of the file: the place is found by what stands there.
  unsigned long found = 0;
  for (unsigned long at = 0; at + sizeof getpid_code <= length && found == 0; at += 16) {
    unsigned char bytes[sizeof getpid_code];
    if (get(mm, bytes, there + at, sizeof bytes) == sizeof bytes &&
        memcmp(bytes, getpid_code, sizeof bytes) == 0)
      found = there + at;
  }
  CHECK(found != 0);
  for (int i = 0; i < 50 && found != 0; ++i) {
    c = start();
    c.regs.rip = found;
    CHECK(run(mm, &c) == MM_EXIT_SYSCALL && c.regs.orig_rax == SYS_getpid);
  }

  // Registers: segments and flags that user code may not have are not taken, all else comes and goes.
  c = begin(mm, "\x0f\x05", 2);
  c.regs.cs = 0x10;
  c.regs.ss = 0x18;
  c.regs.rflags = 0x3000 | 0x4000 | 0x1;  // I/O privilege, nested task, carry
  c.regs.fs_base = 0x123456789000;
  c.regs.gs_base = 0x1000;
  c.regs.r15 = 15;
  c.regs.rbp = 0xdeadbeef;
  CHECK(run(mm, &c) == MM_EXIT_SYSCALL);
  CHECK(c.regs.cs == 0x33 && (c.regs.rflags & 0x7000) == 0 && (c.regs.rflags & 1) == 1);
  CHECK(c.regs.fs_base == 0x123456789000 && c.regs.gs_base == 0x1000 && c.regs.r15 == 15 &&
        c.regs.rbp == 0xdeadbeef);

  // The extended state is ctx's, not whatever ran last: here, in another run, in another space.
  static unsigned char one[16384] __attribute__((aligned(64))), two[16384] __attribute__((aligned(64)));
  int other = space_with("\xcc", 1);
  CHECK(put(other, code_at, "\x66\x0f\x6f\xc1\x0f\x05\xeb\xf8", 8) ==
        8);  // movdqa %xmm1,%xmm0 ; syscall ; jmp
  c = start();
  c.xstate = (unsigned long)one;
  c.xstate_size = sizeof one;
  CHECK(run(other, &c) == MM_EXIT_SYSCALL);  // from zeros: the initial state
  static const unsigned char zeros[16];
  CHECK(memcmp(one + 160, zeros, 16) == 0);  // xmm0 in the legacy area
  *(unsigned long*)(one + 512) |= 3;         // XSTATE_BV: x87 and SSE are present
  *(unsigned*)(one + 24) = 0x1f80;
  memset(one + 176, 0x5a, 16);  // xmm1
  CHECK(run(other, &c) == MM_EXIT_SYSCALL && memcmp(one + 160, one + 176, 16) == 0 && one[160] == 0x5a);
  struct mm_context d = start();
  d.xstate = (unsigned long)two;
  d.xstate_size = sizeof two;
  CHECK(run(other, &d) == MM_EXIT_SYSCALL && memcmp(two + 160, zeros, 16) == 0);
  d = start();  // without an area: the initial state, as the last run had one
  CHECK(put(other, code_at, "\x66\x48\x0f\x7e\xc0\x0f\x05", 7) == 7);  // movq %xmm0,%rax ; syscall
  CHECK(run(other, &d) == MM_EXIT_SYSCALL && d.regs.orig_rax == 0);
  // From then on it stays, until this thread runs elsewhere or with an area.
  CHECK(put(other, code_at, "\x66\x48\x0f\x6e\xc7\x0f\x05\x66\x48\x0f\x7e\xc0\x0f\x05", 14) == 14);
  d = start();  // movq %rdi,%xmm0 ; syscall ; movq %xmm0,%rax ; syscall
  d.regs.rdi = 0x1234;
  CHECK(run(other, &d) == MM_EXIT_SYSCALL && run(other, &d) == MM_EXIT_SYSCALL && d.regs.orig_rax == 0x1234);
  d.regs.rip = code_at;
  CHECK(run(other, &d) == MM_EXIT_SYSCALL);
  int third = space_with("\x66\x48\x0f\x7e\xc0\x0f\x05", 7);
  struct mm_context e = start();
  CHECK(run(third, &e) == MM_EXIT_SYSCALL && e.regs.orig_rax == 0);
  CHECK(run(other, &d) == MM_EXIT_SYSCALL && d.regs.orig_rax == 0);
  d.regs.rip = code_at;
  CHECK(run(other, &d) == MM_EXIT_SYSCALL);
  close(third);
  c = start();
  c.regs.rip = code_at + 7;
  c.xstate = (unsigned long)two;
  c.xstate_size = sizeof two;
  CHECK(run(other, &c) == MM_EXIT_SYSCALL && c.regs.orig_rax == 0);
  unlink(name);
  (void)rwx;
  return ended();
}
