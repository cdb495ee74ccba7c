// Jumps to many places in what a sandbox has above the guest's memory, with registers that its code would
// like: call numbers, a forged request ring, the slot that GS shows. Each jump may at most kill the process
// that made it; the one that started it goes on. Natively there is nothing to jump to.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct {
  uint64_t from, to;
  unsigned step;
} places[] = {{0x7fffc0000000, 0x7fffc0000800, 3},   // code
              {0x7fffc0010000, 0x7fffc0011000, 64},  // requests
              {0x7fffc0100000, 0x7fffc0100400, 3},   // trampolines
              {0x7fffc017c000, 0x7fffc017c100, 3},   // their tails
              {0x60000, 0x60100, 5}};                // the table that leads to them
static const long numbers[] = {SYS_getppid, SYS_mmap, SYS_futex};
enum { workers = 12 };

static volatile uint64_t* at;  // shared: how far the children of each worker have come
static sigjmp_buf back;
static unsigned char forged[8192] __attribute__((aligned(4096)));

static void on_signal(int s) { siglongjmp(back, s); }
static void landed(void) { siglongjmp(back, 99); }

static uint64_t slot(void) {
  uint64_t gs = 0;
  if ((getauxval(AT_HWCAP2) & 2) != 0) __asm__ volatile("rdgsbase %0" : "=r"(gs));
  return gs != 0 ? gs : (uint64_t)forged;
}

static void jump(uint64_t to, long nr) {
  uint64_t own = slot();
  __asm__ volatile(
      "mov %0,%%r11; mov %1,%%rax; mov %2,%%rbx; mov %3,%%r15; mov %4,%%rcx; mov %3,%%r13; xor %%r12d,%%r12d;"
      "push %%rcx; mov %%rbx,%%rdx; mov $62,%%edi; jmp *%%r11" ::"m"(to),
      "m"(nr), "r"(own), "r"(forged), "r"(landed)
      : "rax", "r11", "rcx", "r12", "r13", "rdx", "rdi", "memory");
}

__attribute__((noinline)) static void try_jump(uint64_t to, long nr) {
  if (sigsetjmp(back, 1) == 0) jump(to, nr);
}

static uint64_t address_of(uint64_t n) {
  for (unsigned i = 0; i < sizeof places / sizeof *places; ++i) {
    uint64_t count = (places[i].to - places[i].from) / places[i].step;
    if (n < count) return places[i].from + n * places[i].step;
    n -= count;
  }
  return 0;
}

static void child(volatile uint64_t* n) {
  // A ring of requests: a system call that would make memory executable, then more of the kind.
  uint32_t* word = (uint32_t*)forged;
  word[0] = 1000;
  for (unsigned i = 4096 / 4; i + 16 <= 8192 / 4; i += 16) word[i] = 0, word[i + 1] = SYS_mprotect;
  stack_t alt = {.ss_sp = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                 .ss_size = 65536};
  sigaltstack(&alt, NULL);
  struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER};
  for (int s = 1; s < 32; ++s) sigaction(s, &act, NULL);
  for (;;) {
    uint64_t to = address_of(*n);
    if (to == 0) _exit(0);
    long nr = numbers[*n / workers % 3];
    *n += workers;
    struct itimerval soon = {.it_value.tv_usec = 3000};
    setitimer(ITIMER_REAL, &soon, NULL);
    try_jump(to, nr);
  }
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Whoever makes no progress for a while is killed; that must always work.
static void work(volatile uint64_t* n) {
  while (address_of(*n) != 0) {
    pid_t pid = fork();
    if (pid == 0) child(n);
    double since = now();
    uint64_t seen = *n;
    while (waitpid(pid, NULL, WNOHANG) == 0) {
      usleep(2000);
      if (*n != seen) seen = *n, since = now();
      if (now() - since < 0.25) continue;
      kill(pid, SIGKILL);
      waitpid(pid, NULL, 0);
      break;
    }
  }
}

int main(void) {
  at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  close(2);  // a process sent astray may complain about its stack
  for (uint64_t w = 0; w < workers; ++w) {
    at[w] = w;
    if (fork() == 0) {
      work(&at[w]);
      _exit(address_of(at[w]) != 0);
    }
  }
  int status, failed = 0;
  for (int w = 0; w < workers; ++w) failed += wait(&status) < 0 || status != 0;
  printf("all places tried, workers that failed: %d, parent %s\n", failed, getppid() > 0 ? "well" : "lost");
  return 0;
}
