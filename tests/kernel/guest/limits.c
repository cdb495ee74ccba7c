// Resource limits that are enforced, not only kept: address space, data, stack, descriptors, file size,
// locked memory; and running out of descriptors, mappings and processes is an error, not an end.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clauses.h"

static void limit(int what, rlim_t n) {
  struct rlimit l;
  getrlimit(what, &l);
  l.rlim_cur = n;
  if (setrlimit(what, &l) != 0) printf("setrlimit %d: %s\n", what, strerrorname_np(errno));
}
#define MAP(n) mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)

static void address_space(void) {
  limit(RLIMIT_AS, 512 << 20);
  printf("1 GiB: %s, 64 MiB: %s, ", mapped(MAP(1ul << 30)), mapped(MAP(64ul << 20)));
  int n = 0;
  while (MAP(16ul << 20) != MAP_FAILED) ++n;
  printf("pieces: %d, heap: %s\n", n > 10 && n < 32, malloc(1 << 29) == NULL ? "none" : "some");
}
static void inherited(void) {
  limit(RLIMIT_AS, 512 << 20);
  pid_t pid = fork();
  if (pid == 0) {
    printf("in a child, 1 GiB: %s\n", mapped(MAP(1ul << 30)));
    fflush(stdout);
    execl("/bin/sh", "sh", "-c", "ulimit -v", (char*)NULL);
  }
  waitpid(pid, NULL, 0);
}
static void data(void) {
  limit(RLIMIT_DATA, 8 << 20);
  printf("data: 64 MiB %s, brk %s\n", mapped(MAP(64ul << 20)),
         sbrk(64 << 20) == (void*)-1 ? "refused" : "ok");
}
static int deeper(unsigned n) {
  volatile char block[4096];
  block[n % sizeof block] = 1;
  return n == 0 ? 0 : deeper(n - 1) + block[0];
}
static void stack_overflow(void) {
  limit(RLIMIT_STACK, 1 << 20);
  printf("%d\n", deeper(100000));
}
static void stack_fits(void) {
  volatile char block[4 << 20];
  for (size_t i = 0; i < sizeof block; i += 4096) block[sizeof block - 1 - i] = 1;
  printf("4 MiB of stack: ok\n");
}
static void descriptors(void) {
  limit(RLIMIT_NOFILE, 20);
  int n = 0, fd;
  while ((fd = open("/dev/null", O_RDONLY)) >= 0) n = fd + 1;
  printf("open: %s at %d, dup: %s, ", strerrorname_np(errno), n, result(dup(0)));
  int p[2];
  printf("pipe: %s, dup2 beyond: %s, ", result(pipe(p)), result(dup2(0, 20)));
  printf("F_DUPFD beyond: %s, closed and again: ", result(fcntl(0, F_DUPFD, 20)));
  close(19);
  printf("%d\n", open("/dev/null", O_RDONLY));
}
static void many_descriptors(void) {
  struct rlimit l;
  getrlimit(RLIMIT_NOFILE, &l);
  if (l.rlim_max < 4096) l.rlim_max = 4096;
  limit(RLIMIT_NOFILE, 4096);
  int n = 0, fd;
  while ((fd = open("/etc/passwd", O_RDONLY)) >= 0) ++n;
  printf("all descriptors: %s, %d\n", strerrorname_np(errno), n > 4000);
}
static volatile sig_atomic_t signals;
static void count(int s) { signals += s == SIGXFSZ; }
static void file_size(void) {
  limit(RLIMIT_FSIZE, 10000);
  int fd = memfd_create("x", 0);
  char name[] = "/tmp/quire-test-limit-XXXXXX";
  int file = mkstemp(name);
  unlink(name);
  static char block[8192];
  signal(SIGXFSZ, count);
  for (int i = 0; i < 2; ++i) {
    int f = i == 0 ? fd : file;
    printf("%zd %zd ", write(f, block, sizeof block), write(f, block, sizeof block));
    printf("%s, ", result(write(f, block, sizeof block)));
    printf("%s ", result(pwrite(f, block, 10, 20000)));
    printf("ftruncate %s, fallocate %s, ", result(ftruncate(f, 20000)),
           result(posix_fallocate(f, 0, 20000) ? (errno = EFBIG, -1) : 0));
  }
  printf("signals: %d\n", signals);
}
static void file_size_kills(void) {
  limit(RLIMIT_FSIZE, 10);
  int fd = memfd_create("x", 0);
  if (write(fd, "12345678901234", 14) != 10) _exit(1);
  _exit((int)write(fd, "1", 1));
}
static void locked(void) {
  if (geteuid() == 0 && setuid(65534) != 0) _exit(1);
  limit(RLIMIT_MEMLOCK, 65536);
  char* p = MAP(1 << 20);
  printf("mlock 64k: %s, 1 MiB: %s\n", result(mlock(p, 65536)), result(mlock(p, 1 << 20)));
}
static void mappings(void) {
  // Neighbours with different protections never merge; Linux allows 65530 unless told otherwise.
  char* p = mmap(NULL, 1ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  long n = 0;
  for (; n < 100000; ++n)
    if (mprotect(p + n * 8192, 4096, PROT_READ | PROT_WRITE) != 0) break;
  printf("mappings: %s after %s; munmap of all: %s\n", n == 100000 ? "none" : strerrorname_np(errno),
         n > 20000 ? "many" : "few", result(munmap(p, 1ul << 30)));
  printf("and again: %s\n", mapped(MAP(4096)));
}
static void processes(void) {
  // As a user whom nobody else is: natively all of a user's processes count.
  if (geteuid() != 0) return;
  if (setuid(61000 + (uid_t)getpid() % 4000) != 0) _exit(1);
  limit(RLIMIT_NPROC, 12);
  int n = 0;
  pid_t pid;
  while ((pid = fork()) > 0) ++n;
  if (pid == 0) {
    pause();
    _exit(0);
  }
  printf("fork: %s, %s\n", strerrorname_np(errno), n >= 5 && n <= 12 ? "some" : "too many or few");
  fflush(stdout);
  signal(SIGTERM, SIG_IGN);
  kill(-1, SIGTERM);
}
static void bad(void) {
  struct rlimit l = {10, 5};
  printf("soft above hard: %s, ", result(setrlimit(RLIMIT_NOFILE, &l)));
  printf("no such limit: %s, bad address: %s\n", result(setrlimit(99, &l)),
         result(getrlimit(RLIMIT_AS, (void*)8)));
}
static void cpu(void) {
  limit(RLIMIT_CPU, 1);
  for (;;) __asm__ volatile("" ::: "memory");
}

int main(void) {
  struct {
    const char* name;
    void (*body)(void);
  } cases[] = {{"address space", address_space},
               {"inherited", inherited},
               {"data", data},
               {"stack overflow", stack_overflow},
               {"stack", stack_fits},
               {"descriptors", descriptors},
               {"many descriptors", many_descriptors},
               {"file size", file_size},
               {"file size kills", file_size_kills},
               {"locked memory", locked},
               {"mappings", mappings},
               {"bad", bad},
               {"cpu", cpu},
               {"processes", processes}};
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; ++i)
    printf("%s: %d\n", cases[i].name, in_child(cases[i].body));
  return 0;
}
