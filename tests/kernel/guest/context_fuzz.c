// One thread garbles another's context area (the pages that the sandbox shares with a guest thread: GS
// shows where) while that one makes calls, faults, forks and takes signals. At worst the process dies or
// is killed; its parent and a witness go on. Natively there is no such area and nothing happens.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { area = 0x10000, rounds = 24 };
static volatile uint64_t victim_area;
static unsigned pattern, seed;

static uint64_t own_area(void) {
  uint64_t gs = 0;
  if ((getauxval(AT_HWCAP2) & 2) != 0) __asm__ volatile("rdgsbase %0" : "=r"(gs));
  return gs;
}
static unsigned next(void) { return seed = seed * 1103515245u + 12345u; }

static void* garble(void* unused) {
  (void)unused;
  while (victim_area == 0) sched_yield();
  if (victim_area == 1)
    for (;;) pause();
  volatile unsigned char* a = (volatile unsigned char*)victim_area;
  for (;;) {
    unsigned r = next() >> 8;
    switch (pattern % 6) {
      case 0:
        a[r % 4096] = (unsigned char)(r >> 12);
        break;  // its words
      case 1:
        *(volatile uint32_t*)(a + (r % 48) * 4) = (r >> 8) % 4;
        break;  // likely values
      case 2:
        *(volatile uint64_t*)(a + 0x80 + (r % 16) * 8) = (uint64_t)r << 32;
        break;  // pointers
      case 3:
        a[4096 + r % (area - 4096)] = (unsigned char)(r >> 16);
        break;  // the frame
      case 4:
        *(volatile uint64_t*)(a + area - 4096 + (r % 512) * 8) = ~0ull >> (r % 64);
        break;
      default:
        a[r % area] ^= (unsigned char)(1u << (r % 8));
        break;
    }
    if (pattern >= 6) usleep(r % 50);
  }
  return NULL;
}

static void nothing(int s) { (void)s; }

static void victim(unsigned n) {
  pattern = n % 12;
  seed = n * 2654435761u + 1;
  signal(SIGUSR1, nothing);
  pthread_t t;
  if (pthread_create(&t, NULL, garble, NULL) != 0) _exit(2);
  uint64_t mine = own_area();
  victim_area = mine != 0 ? mine : 1;
  for (unsigned i = 0;; ++i) {
    syscall(SYS_getppid);
    char* p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED) {
      p[0] = p[40000] = 1;
      munmap(p, 65536);
    }
    kill(getpid(), SIGUSR1);
    if (i % 16 == 0) {
      pid_t child = fork();
      if (child == 0) _exit(0);
      if (child > 0) waitpid(child, NULL, 0);
    }
  }
}

int main(void) {
  // A witness: computes and calls all the while, and must come out right.
  int pipes[2];
  if (pipe(pipes) != 0) return 2;
  pid_t witness = fork();
  if (witness == 0) {
    close(pipes[1]);
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    char c;
    unsigned long sum = 0, calls = 0;
    pid_t parent = getppid();
    while (read(pipes[0], &c, 1) != 0) {
      for (unsigned long i = 0; i < 1000; ++i) sum += i;
      ++calls;
      if (syscall(SYS_getppid) != parent || sum != calls * 499500ul) _exit(1);
    }
    _exit(0);
  }
  close(pipes[0]);
  unsigned stuck = 0;
  for (unsigned n = 0; n < rounds; ++n) {
    pid_t pid = fork();
    if (pid == 0) victim(n);
    usleep(60000);
    kill(pid, SIGKILL);
    int i = 0;
    while (waitpid(pid, NULL, WNOHANG) == 0 && ++i < 10000) usleep(1000);
    stuck += i == 10000;
  }
  close(pipes[1]);
  int status = 0;
  waitpid(witness, &status, 0);
  printf("rounds that did not end: %u, witness: %#x\n", stuck, status);
  return 0;
}
