// Extended state survives system calls, faults and signals, and signal frames carry it.
#include <immintrin.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int handled;
static volatile int frame_ok;

__attribute__((target("avx"))) static void on_signal(int sig, siginfo_t* info, void* uc_) {
  (void)info;
  ucontext_t* uc = uc_;
  // XMM3 of the interrupted code lies in the FXSAVE part of the frame.
  uint32_t want[4] = {0x33333333, 0x33333333, 0x33333333, 0x33333333};
  frame_ok = uc->uc_mcontext.fpregs != NULL && memcmp(&uc->uc_mcontext.fpregs->_xmm[3], want, 16) == 0;
  // Spoil everything here: the frame must bring it back.
  __asm__ volatile("vpxor %%xmm3,%%xmm3,%%xmm3; vpxor %%xmm5,%%xmm5,%%xmm5" ::: "xmm3", "xmm5");
  if (sig == SIGSEGV) mprotect((void*)((uintptr_t)info->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE);
  ++handled;
}

#define ROUND(name, code)                                                                           \
  do {                                                                                              \
    __asm__ volatile("vmovdqu (%0),%%ymm3; vmovdqu (%1),%%ymm5" ::"r"(a), "r"(b) : "xmm3", "xmm5"); \
    code;                                                                                           \
    __asm__ volatile("vmovdqu %%ymm3,(%0); vmovdqu %%ymm5,(%1)" ::"r"(ra), "r"(rb) : "memory");     \
    printf("%s: %s %s\n", name, memcmp(a, ra, 32) == 0 ? "ymm3 kept" : "ymm3 LOST",                 \
           memcmp(b, rb, 32) == 0 ? "ymm5 kept" : "ymm5 LOST");                                     \
  } while (0)

static inline long raw(long n, long x, long y, long z) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(x), "S"(y), "d"(z) : "rcx", "r11", "memory");
  return r;
}

__attribute__((target("avx"))) int main(void) {
  if (!__builtin_cpu_supports("avx")) {
    printf("no AVX here\n");
    return 0;
  }
  unsigned char a[32], b[32], ra[32], rb[32];
  memset(a, 0x33, 32);
  memset(b, 0x55, 32);
  struct sigaction act = {.sa_flags = SA_SIGINFO};
  act.sa_sigaction = on_signal;
  sigaction(SIGUSR1, &act, NULL);
  sigaction(SIGSEGV, &act, NULL);
  long self = getpid();
  volatile char* page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  volatile char* none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  ROUND("getppid", raw(SYS_getppid, 0, 0, 0));
  ROUND("close(-1)", raw(SYS_close, -1, 0, 0));
  ROUND("page fault", page[0] = 1; page[4096] = 1);
  ROUND("signal by kill", raw(SYS_kill, self, SIGUSR1, 0));
  printf("frame %d handled %d\n", frame_ok, handled);
  ROUND("signal by fault", none[5] = 1);
  printf("frame %d handled %d\n", frame_ok, handled);
  ROUND("yield", for (int i = 0; i < 100; ++i) raw(SYS_sched_yield, 0, 0, 0));
  return 0;
}
