// What `./dev bench faults` runs end to end: threads of one process that fault in areas of their own.
//
//   faults_guest THREADS ROUNDS PIECES   first writes to PIECES pieces of 64 KiB a thread, after a fork whose
//                                        child lives on, ROUNDS times; prints microseconds of wall clock a
//                                        fault
//   faults_guest look PID                reads maps, smaps and pagemap of PID until it is gone
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { piece = 65536 };
static long pieces;
static pthread_barrier_t start, done;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct work {
  char* area;
  int rounds;
};

static void* worker(void* p) {
  const struct work* w = p;
  for (int r = 0; r < w->rounds; ++r) {
    pthread_barrier_wait(&start);
    // Far apart, so that each is a fault of its own.
    for (long step = 0; step < 8; ++step)
      for (long i = step; i < pieces; i += 8) w->area[i * piece] = (char)(r + 2);
    pthread_barrier_wait(&done);
  }
  return NULL;
}

static int look(int pid) {
  static char buffer[1 << 16];
  const char* names[] = {"maps", "smaps", "pagemap"};
  for (;;)
    for (int i = 0; i < 3; ++i) {
      char path[64];
      snprintf(path, sizeof path, "/proc/%d/%s", pid, names[i]);
      const int fd = open(path, O_RDONLY);
      if (fd < 0) return 0;
      ssize_t n = read(fd, buffer, sizeof buffer);
      if (i < 2)
        while (n > 0) n = read(fd, buffer, sizeof buffer);
      close(fd);
    }
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "look") == 0) return look(atoi(argv[2]));
  if (argc < 4) return 2;
  const int threads = atoi(argv[1]), rounds = atoi(argv[2]);
  pieces = atol(argv[3]);
  const int reading = argc > 4;
  if (threads < 1 || threads > 64 || rounds < 1 || pieces < 8) return 2;
  pthread_t ids[64];
  struct work work[64];
  pthread_barrier_init(&start, NULL, (unsigned)threads + 1);
  pthread_barrier_init(&done, NULL, (unsigned)threads + 1);
  for (int t = 0; t < threads; ++t) {
    work[t].rounds = rounds;
    work[t].area =
        mmap(NULL, (size_t)pieces * piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (work[t].area == MAP_FAILED) return 1;
    madvise(work[t].area, (size_t)pieces * piece, MADV_NOHUGEPAGE);
    // Apart, so that they are areas of their own.
    (void)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(work[t].area, 1, (size_t)pieces * piece);
  }
  pid_t looker = 0;
  const pid_t self = getpid();
  if (reading && (looker = fork()) == 0) _exit(look(self));
  for (int t = 0; t < threads; ++t) pthread_create(&ids[t], NULL, worker, &work[t]);
  double total = 0;
  for (int r = 0; r < rounds; ++r) {
    int hold[2];
    if (pipe(hold) != 0) return 1;
    const pid_t child = fork();
    if (child == 0) {
      char c;
      close(hold[1]);
      _exit(read(hold[0], &c, 1) < 0);
    }
    close(hold[0]);
    const double begin = now();
    pthread_barrier_wait(&start);
    pthread_barrier_wait(&done);
    total += now() - begin;
    close(hold[1]);
    waitpid(child, NULL, 0);
  }
  for (int t = 0; t < threads; ++t) pthread_join(ids[t], NULL);
  if (looker > 0) {
    kill(looker, SIGKILL);
    waitpid(looker, NULL, 0);
  }
  printf("%.3f\n", total / ((double)rounds * (double)pieces * threads));
  return 0;
}
