// Signal frames of the guest's own making, through rt_sigreturn: random ones, and one that blocks every
// signal and then spins. The latter holds up nobody: kill, fork and exit elsewhere finish within a second.
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct frame {
  uint64_t uc_flags, uc_link;
  stack_t stack;
  uint64_t regs[23];
  uint64_t fpstate, reserved[8];
  uint64_t mask;
};

static void go(struct frame* f, uint64_t sigreturn) {
  if (sigreturn != 0)
    __asm__ volatile("mov %0,%%rsp; mov $15,%%eax; jmp *%1" ::"r"(f), "r"(sigreturn) : "memory", "rax");
  __asm__ volatile("mov %0,%%rsp; mov $15,%%eax; syscall" ::"r"(f) : "memory", "rax");
}

static void spin(void) {
  for (;;) __asm__ volatile("pause");
}

// Where a sandbox has the one instruction by which a guest thread may return from a signal of the host's;
// 0 natively: the call itself will do.
static sigjmp_buf back;
static void on_fault(int s) {
  (void)s;
  siglongjmp(back, 1);
}
static uint64_t host_sigreturn(void) {
  uint64_t found = 0;
  signal(SIGSEGV, on_fault);
  if (sigsetjmp(back, 1) == 0)
    for (const unsigned char* p = (const unsigned char*)0x7fffc0000000;
         p < (const unsigned char*)0x7fffc0000800; ++p)
      if (memcmp(p, "\xb8\x0f\0\0\0\x0f\x05", 7) == 0) found = (uint64_t)p;
  signal(SIGSEGV, SIG_DFL);
  return found;
}

static unsigned char spinning_stack[65536] __attribute__((aligned(64)));
static void block_all_and_spin(uint64_t sigreturn) {
  static struct frame f __attribute__((aligned(64)));
  memset(&f, 0, sizeof f);
  f.stack.ss_flags = SS_DISABLE;
  f.regs[15] = (uint64_t)(spinning_stack + sizeof spinning_stack - 64);
  f.regs[16] = (uint64_t)spin;
  f.regs[17] = 0x202;
  f.regs[18] = 0x33 | 0x2bull << 48;
  f.mask = ~0ull;
  go(&f, sigreturn);
}
static void* spinning_thread(void* sigreturn) {
  block_all_and_spin((uint64_t)sigreturn);
  return NULL;
}

// The best of a few attempts, for hosts that are busy with other things.
static const char* within_a_second(double (*f)(uint64_t), uint64_t sigreturn) {
  double best = 1e9;
  for (int i = 0; i < 3 && best > 1; ++i) {
    double t = f(sigreturn);
    if (t < best) best = t;
  }
  return best <= 1 ? "in time" : "LATE";
}

static double kill_spinner(uint64_t sigreturn) {
  pid_t pid = fork();
  if (pid == 0) block_all_and_spin(sigreturn);
  usleep(50000);
  double start = now();
  kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? now() - start : 1e6;
}
static double fork_beside(uint64_t sigreturn) {
  pid_t spinner = fork();
  if (spinner == 0) block_all_and_spin(sigreturn);
  usleep(50000);
  double start = now();
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, NULL, 0);
  double took = now() - start;
  kill(spinner, SIGKILL);
  waitpid(spinner, NULL, 0);
  return took;
}
// In the same process: a thread spins; its process forks, then ends.
static double fork_and_exit_within(uint64_t sigreturn) {
  int pipes[2];
  if (pipe(pipes) != 0) return 1e6;
  pid_t outer = fork();
  if (outer == 0) {
    pthread_t t;
    if (pthread_create(&t, NULL, spinning_thread, (void*)sigreturn) != 0) _exit(1);
    usleep(50000);
    double start = now();
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    waitpid(pid, NULL, 0);
    double took = now() - start;
    if (write(pipes[1], &took, sizeof took) != sizeof took) _exit(1);
    start = now();
    if (write(pipes[1], &start, sizeof start) != sizeof start) _exit(1);
    _exit(0);
  }
  close(pipes[1]);
  double times[2] = {1e6, 0};
  waitpid(outer, NULL, 0);
  double end = now();
  if (read(pipes[0], times, sizeof times) != sizeof times) times[0] = 1e6;
  close(pipes[0]);
  double exit_took = end - times[1];
  return exit_took > times[0] ? exit_took : times[0];
}

static void random_frames(uint64_t sigreturn) {
  unsigned bad = 0;
  for (unsigned n = 0; n < 120; ++n) {
    pid_t pid = fork();
    if (pid == 0) {
      alarm(2);
      srand(n);
      static unsigned char bytes[16384] __attribute__((aligned(64)));
      struct frame* f = (struct frame*)bytes;
      for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = n % 3 == 0 ? 0 : (unsigned char)(rand() >> 7);
      f->regs[16] = n % 4 == 1 ? (uint64_t)rand() << 33 : (uint64_t)_exit;
      f->regs[15] = (uint64_t)(spinning_stack + sizeof spinning_stack - 72);
      f->regs[18] = n % 5 == 0 ? (uint64_t)rand() : 0x33 | 0x2bull << 48;
      if (n % 2 == 0) f->regs[17] = 0x202;
      if (n % 7 == 0) f->fpstate = (uint64_t)(bytes + 1024);
      if (n % 7 == 1) f->fpstate = (uint64_t)rand() << 13;
      if (n % 2 == 0) f->stack.ss_flags = SS_DISABLE;
      go(f, n % 2 == 0 ? 0 : sigreturn);
      _exit(9);
    }
    int i = 0;
    while (waitpid(pid, NULL, WNOHANG) == 0 && ++i < 6000) usleep(1000);
    // A frame may make the process sleep or spin for ever, on any Linux.
    if (i == 6000) {
      kill(pid, SIGKILL);
      bad += waitpid(pid, NULL, 0) != pid;
    }
  }
  printf("random frames that could not be ended: %u\n", bad);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  uint64_t sigreturn = host_sigreturn();
  random_frames(sigreturn);
  printf("kill: %s\n", within_a_second(kill_spinner, sigreturn));
  printf("fork beside it: %s\n", within_a_second(fork_beside, sigreturn));
  printf("fork and exit within: %s\n", within_a_second(fork_and_exit_within, sigreturn));
  return 0;
}
