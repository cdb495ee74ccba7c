// Uses up memory in one way, beside a process that minds its own business. Prints how the eater ended and
// whether the other one is still what it was.
//
//   exhaust frames|shared|file|segments|tables|descriptors|forks
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB (1ul << 20)
#define RW (PROT_READ | PROT_WRITE)

// Each returns when the system says no.
static void frames(void) {
  for (;;) {
    char* p = mmap(NULL, 4 * MB, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return;
    memset(p, 1, 4 * MB);
  }
}
static void shared(void) {
  for (;;) {
    char* p = mmap(NULL, 4 * MB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return;
    memset(p, 1, 4 * MB);
  }
}
static void file(void) {
  static char block[1 << 16];
  memset(block, 1, sizeof block);
  int fd = memfd_create("x", 0);
  while (write(fd, block, sizeof block) == sizeof block) {
  }
}
static void segments(void) {
  for (;;) {
    int id = shmget(IPC_PRIVATE, 4 * MB, IPC_CREAT | 0600);
    if (id < 0) return;
    char* p = shmat(id, NULL, 0);
    shmctl(id, IPC_RMID, NULL);
    if (p == (void*)-1) return;
    memset(p, 1, 4 * MB);
  }
}
// A page in each 2 MiB of a file's private mapping: as much memory goes to tables as to pages.
static void tables(void) {
  int fd = memfd_create("x", 0);
  if (ftruncate(fd, 1l << 40) != 0) return;
  char* p = mmap(NULL, 1ul << 40, RW, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
  if (p == MAP_FAILED) return;
  for (unsigned long i = 0; i < 1ul << 40; i += 2 * MB) p[i] = 1;
}
// Processes that each copy what they were given.
static void forks(void) {
  char* p = mmap(NULL, 8 * MB, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(p, 1, 8 * MB);
  for (;;) {
    pid_t pid = fork();
    if (pid < 0) return;
    memset(p, 2, 8 * MB);
  }
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*eat)(void);
  } ways[] = {{"frames", frames},     {"shared", shared}, {"file", file},
              {"segments", segments}, {"tables", tables}, {"forks", forks}};
  void (*eat)(void) = NULL;
  for (unsigned i = 0; i < sizeof ways / sizeof *ways; ++i)
    if (argc > 1 && strcmp(argv[1], ways[i].name) == 0) eat = ways[i].eat;
  if (eat == NULL) return 2;
  int stop[2];
  if (pipe(stop) != 0) return 1;
  pid_t other = fork();
  if (other == 0) {
    close(stop[1]);
    char* p = malloc(8 * MB);
    memset(p, 7, 8 * MB);
    char c;
    if (read(stop[0], &c, 1) != 0) _exit(1);
    for (unsigned long i = 0; i < 8 * MB; ++i)
      if (p[i] != 7) _exit(2);
    _exit(0);
  }
  close(stop[0]);
  pid_t eater = fork();
  if (eater == 0) {
    close(stop[1]);
    setpgid(0, 0);
    eat();
    _exit(0);
  }
  int status = 0;
  if (waitpid(eater, &status, 0) != eater) return 1;
  kill(-eater, SIGKILL);
  printf("eater: %s", WIFSIGNALED(status) ? "killed" : "refused");
  close(stop[1]);
  waitpid(other, &status, 0);
  printf(", the other: %d\n", status);
  return 0;
}
