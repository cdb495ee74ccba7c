// Copy-on-write: parent and children each see their own bytes, whoever writes first, at several sizes;
// shared memory stays shared; grandchildren too.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int check(const unsigned char* p, size_t n, unsigned char want) {
  for (size_t i = 0; i < n; i += 511)
    if (p[i] != want) return 0;
  return 1;
}

static int fork_run(int (*body)(void*), void* arg) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) _exit(body(arg));
  int status = -1;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

struct job {
  unsigned char* private_;
  unsigned char* shared;
  size_t n;
};

static int grandchild(void* a) {
  struct job* j = a;
  if (!check(j->private_, j->n, 2)) return 21;
  memset(j->private_ + j->n / 2, 3, 4096);
  j->shared[1] = 9;
  return check(j->private_, j->n / 2 - 4096, 2) ? 0 : 22;
}

static int child(void* a) {
  struct job* j = a;
  if (!check(j->private_, j->n, 1)) return 11;
  memset(j->private_, 2, j->n);
  j->shared[0] = 7;
  int r = fork_run(grandchild, j);
  if (r != 0) return r;
  return check(j->private_, j->n, 2) ? 0 : 12;
}

int main(void) {
  size_t sizes[] = {4096, 65536, 1 << 20, 2 << 20, (5 << 20) + 4096, 64 << 20};
  for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; ++s) {
    struct job j = {.n = sizes[s]};
    j.private_ = mmap(NULL, j.n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    j.shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(j.private_, 1, j.n);
    int r = fork_run(child, &j);
    printf("%zu: child %d, parent %s, shared %d %d\n", j.n, r, check(j.private_, j.n, 1) ? "kept" : "CHANGED",
           j.shared[0], j.shared[1]);
    munmap(j.private_, j.n);
  }
  // Parent writes while the children live.
  unsigned char* p = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(p, 1, 8 << 20);
  int fds[2];
  if (pipe(fds) != 0) return 1;
  pid_t pids[5];
  for (int i = 0; i < 5; ++i) {
    p[i * 4096] = (unsigned char)(100 + i);
    pids[i] = fork();
    if (pids[i] == 0) {
      char c;
      close(fds[1]);
      if (read(fds[0], &c, 1) != 0) _exit(50);
      for (int k = 0; k < 5; ++k)
        if (p[k * 4096] != (k <= i ? 100 + k : 1)) _exit(60 + k);
      for (size_t at = 5 * 4096; at < 8 << 20; at += 4096)
        if (p[at] != 1) _exit(70);
      _exit(0);
    }
  }
  for (size_t at = 5 * 4096; at < 8 << 20; at += 8192) p[at] = 42;
  close(fds[1]);
  for (int i = 0; i < 5; ++i) {
    int status = 0;
    waitpid(pids[i], &status, 0);
    printf("sibling %d: %d\n", i, WEXITSTATUS(status));
  }
  return 0;
}
