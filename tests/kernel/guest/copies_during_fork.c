// read(), recvmsg() and futex operations write into memory while the process forks: a child must never
// see a byte change after the fork, and every byte must reach the parent.
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { size = 256 * 1024 };
static unsigned char* area;
static atomic_int stop;
static int channel[2], sockets[2];

static void* feeder(void* unused) {
  (void)unused;
  unsigned char block[4096];
  for (unsigned n = 0; !stop; ++n) {
    memset(block, (int)n, sizeof block);
    if (write(channel[1], block, sizeof block) < 0) break;
    if (send(sockets[1], block, 512, 0) < 0) break;
  }
  return NULL;
}

static void* reader(void* unused) {
  (void)unused;
  for (unsigned at = 0; !stop; at = (at + 4096) % (size / 2))
    if (read(channel[0], area + at, 4096) <= 0) break;
  return NULL;
}

static void* receiver(void* unused) {
  (void)unused;
  for (unsigned at = size / 2; !stop; at = at + 512 < size - 4096 ? at + 512 : size / 2) {
    struct iovec v = {area + at, 512};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    if (recvmsg(sockets[0], &m, 0) <= 0) break;
  }
  return NULL;
}

static void* futexes(void* unused) {
  (void)unused;
  atomic_uint* word = (atomic_uint*)(area + size - 64);
  while (!stop)
    syscall(SYS_futex, word, FUTEX_WAKE_OP, 1, 1, word, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_GE, 0));
  return NULL;
}

int main(void) {
  area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED || pipe(channel) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) return 2;
  memset(area, 1, size);
  signal(SIGPIPE, SIG_IGN);  // the feeder may write after the end
  pthread_t t[4];
  void* (*run[])(void*) = {feeder, reader, receiver, futexes};
  for (int i = 0; i < 4; ++i)
    if (pthread_create(&t[i], NULL, run[i], NULL) != 0) return 2;
  int bad = 0;
  for (int round = 0; round < 60; ++round) {
    pid_t child = fork();
    if (child == 0) {
      static unsigned char before[size];
      memcpy(before, area, size);
      for (int pass = 0; pass < 5; ++pass) {
        usleep(300);
        if (memcmp(before, area, size) != 0) _exit(1);
      }
      _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) ++bad;
  }
  stop = 1;
  printf("children that saw a change: %d\n", bad);
  fflush(stdout);
  _exit(bad != 0);  // the threads may sleep in a read or a write
}
