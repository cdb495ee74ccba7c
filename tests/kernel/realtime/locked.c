// A process that locked its memory, and what disturbs it: `locked others` has a child that forks, maps and
// unmaps beside it; `locked own` forks itself. Prints how many faults getrusage and /proc/self/stat count
// while it writes all its memory again and again.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { size = 24 << 20, page = 4096 };
static char* memory;
static char text[4096];

static long minor_faults(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_minflt;
}

// As /proc/self/stat tells it; the buffer was touched before.
static long told(void) {
  FILE* f = fopen("/proc/self/stat", "r");
  if (f == NULL || fgets(text, sizeof text, f) == NULL) exit(2);
  fclose(f);
  long n = -1;
  const char* rest = strrchr(text, ')');
  if (rest == NULL || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %ld", &n) != 1) exit(2);
  return n;
}

static void work(int rounds) {
  for (int r = 0; r < rounds; ++r)
    for (long i = 0; i < size; i += page) memory[i] = (char)(r + i / page);
}

static void disturb(void) {
  for (;;) {
    const pid_t child = fork();
    if (child == 0) {
      char* p = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      memset(p, 1, 4 << 20);
      memset(memory, 2, size / 4);
      munmap(p, 4 << 20);
      munmap(memory, size / 2);
      _exit(0);
    }
    if (waitpid(child, NULL, 0) < 0) _exit(1);
  }
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  const int own = strcmp(argv[1], "own") == 0;
  pid_t other = 0;
  if (!own && (other = fork()) == 0) disturb();
  // As programs in real time do: the default limit is 8 MiB.
  const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  (void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
    perror("mlockall");
    return 77;
  }
  work(2);
  (void)told();
  (void)minor_faults();
  const long before = minor_faults(), told_before = told();
  int wrong = 0;
  for (int i = 0; i < 10; ++i) {
    if (own) {
      work(1);
      const pid_t child = fork();
      if (child == 0) {
        for (long at = 0; at < size; at += page)
          if (memory[at] != (char)(at / page)) _exit(1);
        memset(memory, 9, size);
        _exit(0);
      }
      work(3);
      int status = 0;
      if (waitpid(child, &status, 0) != child || status != 0) wrong = 1;
    } else {
      work(20);
      usleep(20000);
    }
  }
  const long after = minor_faults(), told_after = told();
  if (other > 0) {
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
  }
  printf("children %s; faults: %ld by getrusage, %ld by /proc\n",
         wrong ? "saw other bytes" : "as they should be", after - before, told_after - told_before);
  return 0;
}
