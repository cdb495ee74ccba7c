// Processor flags and odd stack pointers before system calls, traps and faults: the kernel's entry code
// must neither trust nor lose them.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static int in_child(int (*body)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(5);
    // Often enough that calls are answered by another route than at first.
    int result = 0;
    for (int i = 0; i < 8 && result == 0; ++i) result = body();
    _exit(result);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define CALL_WITH_FLAGS(set, clear)                                               \
  long r;                                                                         \
  unsigned long flags;                                                            \
  __asm__ volatile(                                                               \
      "pushfq; orq %2,(%%rsp); popfq; mov $110,%%eax; syscall; pushfq; popq %1; " \
      "pushfq; andq %3,(%%rsp); popfq"                                            \
      : "=&a"(r), "=&r"(flags)                                                    \
      : "r"((long)(set)), "r"((long)~(clear))                                     \
      : "rcx", "r11", "memory", "cc");                                            \
  return r == getppid() && (flags & (set)) == (set) ? 0 : 2

static int direction(void) { CALL_WITH_FLAGS(0x400, 0x400); }
static int alignment(void) { CALL_WITH_FLAGS(0x40000, 0x40000); }
// Only that the call works: a signal frame does not restore NT, on any Linux.
static int nested_task(void) {
  long r;
  __asm__ volatile(
      "pushfq; orq $0x4000,(%%rsp); popfq; mov $110,%%eax; syscall; pushfq; andq $~0x4000,(%%rsp); popfq"
      : "=a"(r)::"rcx", "r11", "memory", "cc");
  return r == getppid() ? 0 : 2;
}
static int carry_overflow(void) { CALL_WITH_FLAGS(0x8c1, 0x8c1); }

static volatile int steps;
static volatile int on_stack;
static void count(int s, siginfo_t* i, void* u) {
  (void)s, (void)i, (void)u;
  ++steps;
}
static int single_step(void) {
  struct sigaction a = {.sa_flags = SA_SIGINFO};
  a.sa_sigaction = count;
  sigaction(SIGTRAP, &a, NULL);
  long r;
  __asm__ volatile(
      "pushfq; orq $0x100,(%%rsp); popfq; nop; mov $110,%%eax; syscall; nop; pushfq; andq $~0x100,(%%rsp); "
      "popfq; nop"
      : "=a"(r)::"rcx", "r11", "memory", "cc");
  return r == getppid() && steps >= 4 ? 0 : 2;
}
static int stack_at(uint64_t sp) {
  long r;
  uint64_t saved;
  __asm__ volatile("mov %%rsp,%1; mov %2,%%rsp; mov $110,%%eax; syscall; mov %1,%%rsp"
                   : "=&a"(r), "=&r"(saved)
                   : "r"(sp)
                   : "rcx", "r11", "memory");
  return r == getppid() ? 0 : 2;
}
static int stack_null(void) { return stack_at(0); }
static int stack_odd(void) { return stack_at(0x10001); }
static int stack_high(void) { return stack_at(0xffffffffffffff00ul); }
static int stack_top(void) { return stack_at(0x7ffffffff000ul); }
// The stack of signals that a sandbox keeps for the thread, where there is one: GS shows the place.
static uint64_t sandbox_stack(unsigned offset) {
  uint64_t gs = 0;
  if ((getauxval(AT_HWCAP2) & 2) != 0) __asm__ volatile("rdgsbase %0" : "=r"(gs));
  return gs != 0 ? gs + offset : 0x10000 + offset;
}
static int stack_sandbox_top(void) { return stack_at(sandbox_stack(0xfff8)); }
static int stack_sandbox_frame(void) { return stack_at(sandbox_stack(0xf000)); }
static int stack_sandbox_bottom(void) { return stack_at(sandbox_stack(0x1008)); }
static int stack_sandbox_words(void) { return stack_at(sandbox_stack(0x2f8)); }
static int fault_on_sandbox_stack(void) {
  // A first touch of good memory with such a stack is resolved; a trap becomes a signal, which finds none.
  for (unsigned at = 0x1000; at < 0x10000; at += 0xff8) {
    volatile char* p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t saved;
    __asm__ volatile("mov %%rsp,%0; mov %1,%%rsp; movb $1,(%2); mov %0,%%rsp"
                     : "=&r"(saved)
                     : "r"(sandbox_stack(at)), "r"(p)
                     : "memory");
    if (*p != 1) return 2;
  }
  return 0;
}
static volatile int traps;
static void count_trap(int s) { traps += s == SIGTRAP; }
static int trap_on_sandbox_stack(void) {
  stack_t alt = {.ss_sp = malloc(65536), .ss_size = 65536};
  sigaltstack(&alt, NULL);
  struct sigaction a = {.sa_handler = count_trap, .sa_flags = SA_ONSTACK};
  sigaction(SIGTRAP, &a, NULL);
  traps = 0;
  for (unsigned at = 0x1000; at < 0x10000; at += 0x3ff8) {
    uint64_t saved;
    __asm__ volatile("mov %%rsp,%0; mov %1,%%rsp; int3; mov %0,%%rsp"
                     : "=&r"(saved)
                     : "r"(sandbox_stack(at))
                     : "memory");
  }
  return traps == 4 ? 0 : 2;
}
// Flags that are on while the first touch of a page is resolved.
static int touch_with_flags(void) {
  const unsigned long flags[] = {0x400, 0x40000, 0x4000, 0x8d5, 0x44c00};
  for (unsigned i = 0; i < 5; ++i) {
    volatile char* p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long after;
    __asm__ volatile(
        "pushfq; orq %2,(%%rsp); popfq; movb $1,(%1); pushfq; popq %0; pushfq; andq $~0x44c00,(%%rsp); popfq"
        : "=&r"(after)
        : "r"(p), "r"(flags[i])
        : "memory", "cc");
    unsigned long kept = flags[i] & ~0x4000ul;  // a signal frame does not restore NT
    if (*p != 1 || (after & kept) != kept) return 2;
  }
  return 0;
}
// Protection keys, where the processor has them: with key 1 closed, calls and first touches work.
static int protection_keys(void) {
  unsigned a, b, c = 0, d;
  __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "+c"(c), "=d"(d) : "a"(7));
  if ((c & 16) == 0) return 0;
  unsigned closed = 0x55555554u & 0xc, now;  // key 1
  __asm__ volatile("wrpkru" ::"a"(closed), "c"(0), "d"(0));
  volatile char* p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *p = 1;
  int good = syscall(SYS_getppid) == getppid();
  __asm__ volatile("rdpkru" : "=a"(now), "=d"(d) : "c"(0));
  return good && now == closed ? 0 : 2;
}
static int fault_without_stack(void) {
  // A fault with no usable stack and no alternate stack kills.
  struct sigaction a = {.sa_flags = SA_SIGINFO};
  a.sa_sigaction = count;
  sigaction(SIGSEGV, &a, NULL);
  __asm__ volatile("mov $8,%%rsp; movl $0,0" ::: "memory");
  return 2;
}
static int demand_with_bad_stack(void) {
  // A first touch of good memory while rsp is nonsense is resolved.
  volatile char* p = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint64_t saved;
  for (unsigned i = 0; i < 64; ++i)
    __asm__ volatile("mov %%rsp,%0; mov $64,%%rsp; movb $1,(%1); mov %0,%%rsp"
                     : "=&r"(saved)
                     : "r"(p + (i << 20))
                     : "memory");
  return 0;
}
static void forge(int s, siginfo_t* i, void* u) {
  (void)s, (void)i;
  ucontext_t* uc = u;
  uc->uc_mcontext.gregs[REG_EFL] |= 0x3000;  // IOPL: must be ignored
  uc->uc_mcontext.gregs[REG_EFL] |= 0x200000;
  ++on_stack;
}
static int forged_flags(void) {
  struct sigaction a = {.sa_flags = SA_SIGINFO};
  a.sa_sigaction = forge;
  sigaction(SIGUSR1, &a, NULL);
  on_stack = 0;
  raise(SIGUSR1);
  unsigned long flags;
  __asm__ volatile("pushfq; popq %0" : "=r"(flags));
  return on_stack == 1 && (flags & 0x3000) == 0 ? 0 : 2;
}
static void forge_rip(int s, siginfo_t* i, void* u) {
  (void)s, (void)i;
  ((ucontext_t*)u)->uc_mcontext.gregs[REG_RIP] = (long long)0x8000000000000000ull;
}
static int forged_rip(void) {
  struct sigaction a = {.sa_flags = SA_SIGINFO};
  a.sa_sigaction = forge_rip;
  sigaction(SIGUSR1, &a, NULL);
  raise(SIGUSR1);
  return 2;
}
static int wild_sigreturn(void) {
  __asm__ volatile("mov $16,%%rsp; mov $15,%%eax; syscall" ::: "memory", "rax");
  return 2;
}
static int zero_frame(void) {
  static unsigned char frame[8192] __attribute__((aligned(64)));
  __asm__ volatile("mov %0,%%rsp; mov $15,%%eax; syscall" ::"r"(frame) : "memory", "rax");
  return 2;
}
static int unmap_all_above(void) {
  // Whatever lies above the stack: unmapping it must not hurt the kernel's own pages.
  munmap((void*)0x7ffff0000000ul, 0xffff000);
  return syscall(SYS_getppid) == getppid() ? 0 : 2;
}
static int low_pages(void) {
  mprotect((void*)0x60000, 0x10000, PROT_READ | PROT_WRITE | PROT_EXEC);
  munmap((void*)0x10000, 0x100000);
  return syscall(SYS_getppid) == getppid() ? 0 : 2;
}

int main(void) {
  struct {
    const char* name;
    int (*body)(void);
  } cases[] = {{"direction flag", direction},
               {"alignment flag", alignment},
               {"nested task flag", nested_task},
               {"arithmetic flags", carry_overflow},
               {"single step", single_step},
               {"stack null", stack_null},
               {"stack odd", stack_odd},
               {"stack high", stack_high},
               {"stack top", stack_top},
               {"sandbox's stack, top", stack_sandbox_top},
               {"sandbox's stack, frame", stack_sandbox_frame},
               {"sandbox's stack, bottom", stack_sandbox_bottom},
               {"sandbox's words", stack_sandbox_words},
               {"fault on the sandbox's stack", fault_on_sandbox_stack},
               {"trap on the sandbox's stack", trap_on_sandbox_stack},
               {"touch with flags", touch_with_flags},
               {"protection keys", protection_keys},
               {"fault without a stack", fault_without_stack},
               {"demand with a bad stack", demand_with_bad_stack},
               {"forged flags", forged_flags},
               {"forged rip", forged_rip},
               {"wild sigreturn", wild_sigreturn},
               {"zero frame", zero_frame},
               {"unmap above", unmap_all_above},
               {"low pages", low_pages}};
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; ++i)
    printf("%s: %d\n", cases[i].name, in_child(cases[i].body));
  return 0;
}
