// What `./dev bench fork` measures, run natively and under quire. Prints one line of numbers, in
// microseconds unless said otherwise. Static, so that it runs with any root.
//
//   fork_guest latency BYTES PAGES ROUNDS         fork until return, until the child's first write, until
//   reaped fork_guest again BYTES PAGES FORKS pause|first|none   forks after rewriting 5 % of the 64 KiB
//   pieces fork_guest whole BYTES PAGES PPM parent|child fresh|pause|none ROUNDS
//                                                  fork, random writes, one read of every page
//   fork_guest small exit|exec ROUNDS             a small process forks
//   fork_guest fill BYTES PAGES                   touching every page in order
//
// PAGES: small (MADV_NOHUGEPAGE), huge (MADV_HUGEPAGE), plain (no advice).
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096, piece = 65536 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static uint64_t seed = 88172645463325252u;
static uint64_t random_number(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  return seed ^= seed << 17;
}

static int compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}
static double median(double* v, int n) {
  qsort(v, (size_t)n, sizeof *v, compare);
  return v[n / 2];
}

static char* memory(size_t bytes, const char* pages) {
  // Huge-page aligned by hand, so that every kind starts alike.
  char* p = mmap(NULL, bytes + (2u << 20), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) fail("mmap");
  p = (char*)(((uintptr_t)p + (2u << 20) - 1) & ~(uintptr_t)((2u << 20) - 1));
  if (strcmp(pages, "small") == 0) madvise(p, bytes, MADV_NOHUGEPAGE);
  if (strcmp(pages, "huge") == 0) madvise(p, bytes, MADV_HUGEPAGE);
  return p;
}

static void fill(char* p, size_t bytes) {
  for (size_t i = 0; i < bytes; i += page) *(uint64_t*)(p + i) = i + 1;
}

static uint64_t read_all(const char* p, size_t bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes; i += page) sum += *(const volatile uint64_t*)(p + i);
  return sum;
}

// Memory that the host has not given out lately costs many times more: not before the clock.
static void warm_up(size_t bytes) {
  char* p = memory(bytes, "plain");
  fill(p, bytes);
  munmap(p, bytes);
}

struct shared {
  volatile double child_wrote;
  volatile double child_done;
};
static struct shared* shared;
static int to_child[2], to_parent[2];

// A child that stays until it is ended.
static pid_t start_child(void) {
  const pid_t pid = fork();
  if (pid < 0) fail("fork");
  while (pid == 0) pause();
  return pid;
}
static void end_child(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

static int latency(size_t bytes, const char* pages, int rounds) {
  double returned[64], wrote[64], reaped[64];
  warm_up(bytes);
  char* p = memory(bytes, pages);
  fill(p, bytes);
  // The first is the one that matters: forked at once after filling.
  for (int i = 0; i < rounds; ++i) {
    const double begin = now();
    const pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
      for (size_t k = 0; k < 4; ++k) *(volatile uint64_t*)(p + bytes / 4 * k) = 7;
      shared->child_wrote = now();
      _exit(0);
    }
    returned[i] = now() - begin;
    waitpid(pid, NULL, 0);
    reaped[i] = now() - begin;
    wrote[i] = shared->child_wrote - begin;
  }
  const double first = returned[0], first_wrote = wrote[0], first_reaped = reaped[0];
  printf("%.1f %.1f %.1f %.1f %.1f %.1f\n", first, first_wrote, first_reaped, median(returned, rounds),
         median(wrote, rounds), median(reaped, rounds));
  return 0;
}

static int again(size_t bytes, const char* pages, int forks, const char* how) {
  double took[64];
  const size_t pieces = bytes / piece;
  warm_up(bytes);
  char* p = memory(bytes, pages);
  fill(p, bytes);
  pid_t first = 0;
  if (strcmp(how, "first") == 0) first = start_child();
  for (int i = 0; i < forks; ++i) {
    const double begin = now();
    const pid_t pid = start_child();
    took[i] = now() - begin;
    for (size_t k = 0; k < pieces / 20; ++k) {
      char* at = p + random_number() % pieces * piece;
      for (size_t b = 0; b < piece; b += page) *(volatile uint64_t*)(at + b) = (uint64_t)i;
    }
    end_child(pid);
    if (strcmp(how, "pause") == 0) usleep(100000);
  }
  double worst = 0;
  for (int i = 1; i < forks; ++i) worst = took[i] > worst ? took[i] : worst;
  const double once = took[0];
  printf("%.1f %.1f %.1f\n", once, median(took + 1, forks - 1), worst);
  if (first != 0) end_child(first);
  return 0;
}

// The pages to write, each once, in random order.
static uint32_t* choose(size_t pages, size_t wanted) {
  uint32_t* all = malloc(pages * sizeof *all);
  for (size_t i = 0; i < pages; ++i) all[i] = (uint32_t)i;
  for (size_t i = 0; i < wanted; ++i) {
    const size_t j = i + random_number() % (pages - i);
    const uint32_t t = all[i];
    all[i] = all[j];
    all[j] = t;
  }
  return all;
}

static int whole(size_t bytes, const char* kind, double ppm, const char* who, const char* prepared,
                 int rounds) {
  double total[64], forked[64], wrote[64], seen[64];
  const size_t pages = bytes / page;
  const size_t wanted = (size_t)((double)pages * ppm / 1e6 + 0.5);
  const int by_child = strcmp(who, "child") == 0;
  const int fresh = strcmp(prepared, "fresh") == 0;
  warm_up(bytes + wanted * page + bytes / 4);  // with what is to be copied
  char* p = memory(bytes, kind);
  fill(p, bytes);
  uint64_t expected = read_all(p, bytes);
  int n = 0;
  for (int i = 0; i < rounds; ++i) {
    uint32_t* order = choose(pages, wanted);
    if (fresh && i != 0) {
      munmap(p, bytes);
      p = memory(bytes, kind);
      fill(p, bytes);
      expected = read_all(p, bytes);
    }
    const double begin = now();
    const pid_t pid = fork();
    if (pid < 0) fail("fork");
    const double forked_at = now();
    char c;
    if ((pid == 0) == by_child) {
      for (size_t k = 0; k < wanted; ++k) *(volatile uint64_t*)(p + (size_t)order[k] * page) += 1;
      const double wrote_at = now();
      const uint64_t sum = read_all(p, bytes);
      const double end = now();
      if (sum != expected + wanted) {
        fprintf(stderr, "wrong contents: %lu, expected %lu\n", (unsigned long)sum,
                (unsigned long)(expected + wanted));
        exit(1);
      }
      if (by_child) {
        shared->child_wrote = wrote_at;
        shared->child_done = end;
        (void)!write(to_parent[1], "x", 1);
        _exit(0);
      }
      (void)!write(to_child[1], "x", 1);
      int status;
      waitpid(pid, &status, 0);
      if (status != 0) fail("wrong contents in the child");
      expected = sum;
      total[n] = end - begin;
      forked[n] = forked_at - begin;
      wrote[n] = wrote_at - forked_at;
      seen[n] = end - wrote_at;
    } else if (pid == 0) {
      (void)!read(to_child[0], &c, 1);
      if (read_all(p, bytes) != expected) abort();
      _exit(0);
    } else {
      if (read(to_parent[0], &c, 1) != 1) fail("child");
      int status;
      waitpid(pid, &status, 0);
      if (status != 0 || read_all(p, bytes) != expected) fail("wrong contents");
      total[n] = shared->child_done - begin;
      forked[n] = forked_at - begin;
      wrote[n] = shared->child_wrote - forked_at;
      seen[n] = shared->child_done - shared->child_wrote;
    }
    free(order);
    // What comes before the first measured round differs from the rest.
    if (fresh || i != 0) ++n;
    if (strcmp(prepared, "pause") == 0) usleep(100000);
  }
  printf("%.0f %.0f %.0f %.0f\n", median(total, n), median(forked, n), median(wrote, n), median(seen, n));
  return 0;
}

static int small(const char* what, int rounds) {
  static double took[4096];
  const int exec = strcmp(what, "exec") == 0;
  for (int i = 0; i < rounds; ++i) {
    const double begin = now();
    const pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
      if (exec) execl("/proc/self/exe", "fork_guest", "nothing", NULL);
      _exit(0);
    }
    waitpid(pid, NULL, 0);
    took[i] = now() - begin;
  }
  printf("%.1f\n", median(took, rounds));
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "nothing") == 0) return 0;
  shared = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || pipe(to_child) != 0 || pipe(to_parent) != 0) fail("set-up");
  const char* what = argc > 1 ? argv[1] : "";
  const size_t bytes = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
  if (argc == 5 && strcmp(what, "latency") == 0) return latency(bytes, argv[3], atoi(argv[4]));
  if (argc == 6 && strcmp(what, "again") == 0) return again(bytes, argv[3], atoi(argv[4]), argv[5]);
  if (argc == 8 && strcmp(what, "whole") == 0)
    return whole(bytes, argv[3], atof(argv[4]), argv[5], argv[6], atoi(argv[7]));
  if (argc == 4 && strcmp(what, "small") == 0)
    return small(argv[2], atoi(argv[3]) < 4096 ? atoi(argv[3]) : 4096);
  if (argc == 4 && strcmp(what, "fill") == 0) {
    warm_up(bytes);
    char* p = memory(bytes, argv[3]);
    const double begin = now();
    fill(p, bytes);
    printf("%.0f\n", now() - begin);
    return 0;
  }
  fprintf(stderr, "usage: see the top of fork_guest.c\n");
  return 2;
}
