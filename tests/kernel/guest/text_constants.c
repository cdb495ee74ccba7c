// Constants and data in program text that look like system-call sites keep their value; code that changes
// itself, code made at run time and code loaded late makes its calls; jumps into a site mean what they
// always did. Each long enough for a kernel that rewrites calls where they are made to have done so.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { rounds = 200 };

__attribute__((noinline)) static uint64_t looks_like_a_site(void) {
  uint64_t v;
  __asm__ volatile("movabs $0xeb050f00000027b8, %0" : "=r"(v));
  return v;
}

// Data between functions: the same bytes as a getpid().
__asm__(
    ".pushsection .text\n"
    ".balign 8\n"
    "data_in_text: .byte 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3\n"
    ".balign 8\n"
    "to_syscall:\n"  // rax: number; straight to the SYSCALL of a site with another one
    "  jmp 1f\n"
    "  mov $39, %eax\n"
    "1: syscall\n"
    "  ret\n"
    "site_getpid:\n"
    "  mov $39, %eax\n"
    "2: syscall\n"
    "  ret\n"
    "to_site_syscall:\n"  // straight to the one that site_getpid's calls trap at
    "  jmp 2b\n"
    "site_read:\n"
    "  xor %eax, %eax\n"
    "3: syscall\n"
    "4: cmp $-4095, %rax\n"
    "  setae %dl\n"
    "  movzbl %dl, %edx\n"
    "  ret\n"
    "to_read_syscall: jmp 3b\n"
    "behind_read: jmp 4b\n"
    "site_chain:\n"  // the number first, then an instruction that may fault
    "  mov $39, %eax\n"
    "5: mov (%rdi), %esi\n"
    "  syscall\n"
    "  ret\n"
    "to_chain: jmp 5b\n"
    ".popsection");
extern const unsigned char data_in_text[8];
extern long to_syscall(void), site_getpid(void), to_site_syscall(void), site_read(void),
    to_read_syscall(void), behind_read(void), site_chain(void), to_chain(void);

// A call with a chosen rax and rdi; rdx afterwards in *rdx.
static long call(long (*f)(void), long rax, long rdi, long rsi, long rdx, long* after) {
  __asm__ volatile("call *%4"
                   : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx)
                   : "r"(f)
                   : "rcx", "r11", "r8", "r9", "r10", "memory");
  if (after) *after = rdx;
  return rax;
}

static volatile sig_atomic_t alarms;
static void on_alarm(int s) {
  (void)s;
  ++alarms;
}

static volatile int faults;
static void on_fault(int s, siginfo_t* info, void* context) {
  (void)s, (void)info;
  ucontext_t* u = context;
  ++faults;
  // The instruction itself, not a copy of it.
  unsigned long rip = (unsigned long)u->uc_mcontext.gregs[REG_RIP];
  unsigned long begin = (unsigned long)&site_chain;
  if (rip != begin + 5) printf("rip is %ld bytes into the site\n", (long)(rip - begin));
  static int good = 3;
  u->uc_mcontext.gregs[REG_RDI] = (long)&good;
}

static void expect(const char* what, int ok) { printf("%s: %s\n", what, ok ? "as it was" : "CHANGED"); }

int main(int argc, char** argv) {
  (void)argc;
  long pid = getpid();
  int ok = 1;
  for (int i = 0; i < rounds; ++i) ok &= looks_like_a_site() == 0xeb050f00000027b8;
  expect("constant", ok);

  ok = 1;
  for (int i = 0; i < rounds; ++i) ok &= call(to_syscall, SYS_getppid, 0, 0, 0, NULL) == getppid();
  for (int i = 0; i < rounds; ++i) ok &= call(site_getpid, 0, 0, 0, 0, NULL) == pid;
  for (int i = 0; i < rounds; ++i) ok &= call(to_site_syscall, SYS_getppid, 0, 0, 0, NULL) == getppid();
  expect("jump to a call", ok);
  static const unsigned char expected[8] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};
  long (*f)(void) = (long (*)(void))(uintptr_t)data_in_text;
  expect("data in text", memcmp(data_in_text, expected, 8) == 0);
  for (int i = 0; i < rounds; ++i) ok &= f() == pid;
  expect("data that is executed after all", ok);

  // The file is what it was, whatever the text in memory has become.
  FILE* self = fopen(argv[0], "rb");
  unsigned found = 0;
  static unsigned char block[1 << 16];
  static const unsigned char jump[3] = {0xff, 0x24, 0xe5};
  for (size_t n; self && (n = fread(block, 1, sizeof block, self)) > 0;)
    for (size_t i = 0; i + 7 < n; ++i)
      found += memcmp(block + i, jump, 3) == 0 && block[i + 5] == 6 && block[i + 6] == 0;
  expect("file", found == 0);

  int p[2];
  char c;
  if (pipe(p) != 0) return 2;
  ok = 1;
  for (int i = 0; i < rounds; ++i) {
    long after = 9;
    ok &= write(p[1], "x", 1) == 1 && call(site_read, 7, p[0], (long)&c, 1, &after) == 1 && after == 0 &&
          c == 'x';
    ok &= call(site_read, 7, -1, (long)&c, 1, &after) == -9 && after == 1;
    ok &= call(to_read_syscall, SYS_getpid, 0, 0, 0, &after) == pid && after == 0;
    ok &= call(behind_read, -7, 0, 0, 0, &after) == -7 && after == 1;
    ok &= call(behind_read, 7, 0, 0, 0, &after) == 7 && after == 0;
  }
  expect("read", ok);

  struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &act, NULL);
  ok = 1;
  int word = 5;
  for (int i = 0; i < rounds; ++i) ok &= call(site_chain, 0, (long)&word, 0, 0, NULL) == pid;
  for (int i = 0; i < 5; ++i) ok &= call(site_chain, 0, 16, 0, 0, NULL) == pid;
  for (int i = 0; i < 5; ++i) ok &= call(to_chain, SYS_getppid, (long)&word, 0, 0, NULL) == getppid();
  expect("chain", ok && faults == 5);

  // Signals at any moment of a call.
  signal(SIGALRM, on_alarm);
  struct itimerval often = {{0, 200}, {0, 200}};
  setitimer(ITIMER_REAL, &often, NULL);
  ok = 1;
  for (int i = 0; alarms < 50; ++i) {
    long after;
    ok &= call(site_getpid, 0, 0, 0, 0, NULL) == pid;
    ok &= call(site_read, 7, -1, (long)&c, 1, &after) == -9 && after == 1;
  }
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
  expect("signals", ok);

  // Code made at run time, changed between calls.
  unsigned char* jit =
      mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ok = jit != MAP_FAILED;
  for (int i = 0; ok && i < rounds; ++i) {
    memcpy(jit, expected, 8);
    ok &= ((long (*)(void))(uintptr_t)jit)() == pid;
    jit[1] = SYS_getppid;
    ok &= ((long (*)(void))(uintptr_t)jit)() == getppid();
  }
  expect("code made at run time", ok);

  // Program text made writable, changed, and executed again.
  uintptr_t page = (uintptr_t)&site_getpid & ~4095ul;
  unsigned char* site = (unsigned char*)(uintptr_t)&site_getpid;
  ok = mprotect((void*)page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
  ok &= site[0] == 0xb8 && site[1] == 39 && site[5] == 0x0f && site[6] == 0x05;
  site[1] = SYS_getppid;
  for (int i = 0; ok && i < rounds; ++i) ok &= call(site_getpid, 0, 0, 0, 0, NULL) == getppid();
  ok &= mprotect((void*)page, 8192, PROT_READ | PROT_EXEC) == 0;
  for (int i = 0; ok && i < rounds; ++i) ok &= call(site_getpid, 0, 0, 0, 0, NULL) == getppid();
  expect("text changed in place", ok);

  // A file mapped for execution long after the start, at two places.
  char name[] = "/tmp/quire-text-XXXXXX";
  int fd = mkstemp(name);
  static unsigned char text[4096];
  memset(text, 0x90, sizeof text);
  memcpy(text + 64, expected, 8);
  ok = fd >= 0 && write(fd, text, sizeof text) == (long)sizeof text;
  unlink(name);
  unsigned char* a = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  unsigned char* b = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  ok &= a != MAP_FAILED && b != MAP_FAILED;
  for (int i = 0; ok && i < rounds; ++i)
    ok &= ((long (*)(void))(uintptr_t)(a + 64))() == pid && ((long (*)(void))(uintptr_t)(b + 64))() == pid;
  expect("text mapped late", ok);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < rounds; ++i)
      if (((long (*)(void))(uintptr_t)(a + 64))() != getpid()) _exit(1);
    _exit(0);
  }
  int status = -1;
  return !(ok && child > 0 && waitpid(child, &status, 0) == child && status == 0);
}
