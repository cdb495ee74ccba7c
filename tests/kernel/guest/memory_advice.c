// mremap(2), madvise(2), mincore(2), mlock(2) and its family, and msync(2), clause by clause.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clauses.h"
#include "faults.h"

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define FIXED (MREMAP_MAYMOVE | MREMAP_FIXED)
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static char* map(unsigned long pages, int prot) { return mmap(NULL, pages * PAGE, prot, ANON, -1, 0); }
static char* numbered(unsigned long pages) {
  char* p = map(pages, RW);
  for (unsigned long i = 0; i < pages; ++i) p[i * PAGE] = (char)(i + 1);
  return p;
}
static int fill(int fd, unsigned long pages) {
  char byte;
  if (ftruncate(fd, (off_t)(pages * PAGE)) != 0) exit(1);
  for (unsigned long i = 0; i < pages; ++i) {
    byte = (char)(i + 1);
    if (pwrite(fd, &byte, 1, (off_t)(i * PAGE)) != 1) exit(1);
  }
  return fd;
}
static int file_of(unsigned long pages) { return fill(memfd_create("f", 0), pages); }
static int host_file(unsigned long pages) {
  char name[] = "/tmp/memory-advice-XXXXXX";
  int fd = mkstemp(name);
  unlink(name);
  return fill(fd, pages);
}
static void present(const char* p, unsigned pages) {
  unsigned char v[64];
  if (mincore((void*)(uintptr_t)p, pages * PAGE, v) != 0) {
    printf("[%s]", strerrorname_np(errno));
    return;
  }
  printf("[");
  for (unsigned i = 0; i < pages; ++i) printf("%d", v[i] & 1);
  printf("]");
}

static void remapping(void) {
  char* p = numbered(8);
  printf("unaligned: %s\n", mapped(mremap(p + 1, PAGE, PAGE, MREMAP_MAYMOVE)));
  printf("new length 0: %s\n", mapped(mremap(p, PAGE, 0, MREMAP_MAYMOVE)));
  printf("unknown flag: %s\n", mapped(mremap(p, PAGE, PAGE, 8)));
  printf("fixed, not to move: %s\n", mapped(mremap(p, PAGE, PAGE, MREMAP_FIXED, p + 16 * PAGE)));
  printf("fixed, unaligned: %s\n", mapped(mremap(p, PAGE, PAGE, FIXED, p + 16 * PAGE + 1)));
  printf("fixed, overlapping: %s %s\n", mapped(mremap(p, 4 * PAGE, 4 * PAGE, FIXED, p + 2 * PAGE)),
         mapped(mremap(p, 4 * PAGE, 4 * PAGE, FIXED, p)));
  printf("fixed beyond the end: %s\n", mapped(mremap(p, PAGE, PAGE, FIXED, (void*)0xffff800000000000ul)));
  printf("nothing there: %s\n", mapped(mremap((void*)0x100000, PAGE, 2 * PAGE, MREMAP_MAYMOVE)));
  char* q = map(8, RW);
  munmap(q + 4 * PAGE, PAGE);
  printf("over a hole: %s\n", mapped(mremap(q, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE)));
  printf("same size: %d\n", mremap(p, 8 * PAGE, 8 * PAGE, 0) == p);
  char* wall = map(3, RW);
  munmap(wall, PAGE);
  munmap(wall + 2 * PAGE, PAGE);
  char* before = mmap(wall, PAGE, RW, ANON | MAP_FIXED, -1, 0);
  mprotect(wall + PAGE, PAGE, PROT_READ);
  printf("grow in place against a wall: %s\n", mapped(mremap(before, PAGE, 2 * PAGE, 0)));
  printf("private, old length 0: %s\n", mapped(mremap(p, 0, PAGE, MREMAP_MAYMOVE)));
  int fd = file_of(4);
  char* shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  char* twice = mremap(shared + PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE);
  printf("shared, old length 0: %s", mapped(twice));
  shared[PAGE] = 77;
  printf(", bytes %d %d\n", twice[0], twice[PAGE]);
  printf("shared, to larger than the file: ");
  char* larger = mremap(twice, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
  printf("%s, %d", mapped(larger), larger[2 * PAGE]);
  printf(", %d\n", reading(larger + 4 * PAGE));
  // A move from the middle keeps what is around it.
  char* to = map(8, PROT_NONE);
  char* moved = mremap(p + 2 * PAGE, 2 * PAGE, 4 * PAGE, FIXED, to);
  printf("from the middle: %s, %d %d %d, left %d %d", mapped(moved), moved[0], moved[PAGE], moved[2 * PAGE],
         p[PAGE], p[4 * PAGE]);
  printf(", gone %d", reading(p + 2 * PAGE));
  printf(", beyond %d\n", reading(to + 4 * PAGE));
  // Without unmapping.
  p = numbered(4);
  printf("dontunmap: alone %s", mapped(mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_DONTUNMAP, NULL)));
  printf(", other size %s", mapped(mremap(p, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL)));
  moved = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
  printf(", %s, %d %d", mapped(moved), moved[0], moved[3 * PAGE]);
  printf(", old %d %d", p[0], p[3 * PAGE]);
  printf(", writable %d\n", writing(p));
  p = numbered(2);
  moved = mremap(p, 2 * PAGE, 2 * PAGE, FIXED | MREMAP_DONTUNMAP, to);
  printf("dontunmap, fixed: %s, %d, old %d\n", mapped(moved), moved[PAGE], p[PAGE]);
  printf("dontunmap, shared: ");
  moved = mremap(shared, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
  printf("%s", mapped(moved));
  if (moved != MAP_FAILED) printf(", %d %d", moved[PAGE], shared[PAGE]);
  printf("\n");
  struct rlimit l = {2ul << 30, RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &l);
  printf("beyond RLIMIT_AS: %s\n", mapped(mremap(p, 2 * PAGE, 4ul << 30, MREMAP_MAYMOVE)));
}

static void advice(void) {
  static const struct {
    const char* name;
    int value;
  } all[] = {{"NORMAL", MADV_NORMAL},
             {"RANDOM", MADV_RANDOM},
             {"SEQUENTIAL", MADV_SEQUENTIAL},
             {"WILLNEED", MADV_WILLNEED},
             {"DONTNEED", MADV_DONTNEED},
             {"FREE", MADV_FREE},
             {"REMOVE", MADV_REMOVE},
             {"DONTFORK", MADV_DONTFORK},
             {"DOFORK", MADV_DOFORK},
             {"HUGEPAGE", MADV_HUGEPAGE},
             {"NOHUGEPAGE", MADV_NOHUGEPAGE},
             {"DONTDUMP", MADV_DONTDUMP},
             {"DODUMP", MADV_DODUMP},
             {"WIPEONFORK", MADV_WIPEONFORK},
             {"KEEPONFORK", MADV_KEEPONFORK},
             {"COLD", MADV_COLD},
             {"PAGEOUT", MADV_PAGEOUT},
             {"POPULATE_READ", MADV_POPULATE_READ},
             {"POPULATE_WRITE", MADV_POPULATE_WRITE},
             {"DONTNEED_LOCKED", MADV_DONTNEED_LOCKED},
             {"7", 7},
             {"26", 26},
             {"99", 99},
             {"-1", -1}};
  int memory = file_of(4), disk = host_file(4), read_only = open("/etc/passwd", O_RDONLY);
  for (unsigned i = 0; i < sizeof all / sizeof *all; ++i) {
    const int a = all[i].value;
    struct {
      const char* name;
      char* p;
    } areas[] = {{"private", numbered(4)},
                 {"none", map(4, PROT_NONE)},
                 {"read", map(4, PROT_READ)},
                 {"shared", mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)},
                 {"memfd", mmap(NULL, 4 * PAGE, RW, MAP_SHARED, memory, 0)},
                 {"memfd private", mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, memory, 0)},
                 {"file", mmap(NULL, 4 * PAGE, RW, MAP_SHARED, disk, 0)},
                 {"file private", mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, disk, 0)},
                 {"file read", mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, read_only, 0)},
                 {"hole", map(4, RW)}};
    munmap(areas[9].p + PAGE, PAGE);
    printf("%s:", all[i].name);
    for (unsigned k = 0; k < sizeof areas / sizeof *areas; ++k)
      // What a file system does not support is its business.
      if (a != MADV_REMOVE || areas[k].name[0] != 'f')
        printf(" %s %s", areas[k].name,
               result(madvise(areas[k].p, strcmp(areas[k].name, "file read") == 0 ? PAGE : 4 * PAGE, a)));
    char* locked = numbered(4);
    if (mlock(locked, 4 * PAGE) != 0) printf(" (not locked)");
    printf(" locked %s", result(madvise(locked, 4 * PAGE, a)));
    printf(", unaligned %s", result(madvise(locked + 1, PAGE, a)));
    printf(", empty %s", result(madvise(locked, 0, a)));
    printf(", overflow %s\n", result(madvise(locked, -1ul, a)));
    for (unsigned k = 0; k < sizeof areas / sizeof *areas; ++k) munmap(areas[k].p, 4 * PAGE);
    munmap(locked, 4 * PAGE);
  }
}

static void effects(void) {
  char* p = numbered(4);
  madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED);
  printf("dontneed: ");
  present(p, 4);
  printf(" %d %d %d %d\n", p[0], p[PAGE], p[2 * PAGE], p[3 * PAGE]);
  int memory = file_of(4);
  char* shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, memory, 0);
  char* own = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, memory, 0);
  own[0] = 99;
  madvise(own, 4 * PAGE, MADV_DONTNEED);
  madvise(shared, 4 * PAGE, MADV_DONTNEED);
  printf("dontneed of a file: %d %d\n", own[0], shared[0]);
  madvise(shared + PAGE, PAGE, MADV_REMOVE);
  char byte = 1;
  if (pread(memory, &byte, 1, PAGE) != 1) exit(1);
  printf("remove: %d %d %d\n", shared[PAGE], own[PAGE], byte);
  p = map(8, RW);
  printf("populate to read: %s ", result(madvise(p, 4 * PAGE, MADV_POPULATE_READ)));
  printf("to write: %s ", result(madvise(p + 4 * PAGE, 2 * PAGE, MADV_POPULATE_WRITE)));
  present(p + 4 * PAGE, 4);
  printf("\n");
  char* beyond = mmap(NULL, 8 * PAGE, RW, MAP_SHARED, memory, 0);
  printf("populate beyond the end: %s\n", result(madvise(beyond, 8 * PAGE, MADV_POPULATE_READ)));
  p = numbered(4);
  madvise(p, PAGE, MADV_DONTFORK);
  madvise(p + PAGE, PAGE, MADV_WIPEONFORK);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    printf("in a child: not forked %d", reading(p));
    printf(", wiped %d, kept %d\n", p[PAGE], p[2 * PAGE]);
    p[PAGE] = 9;
    fflush(stdout);
    if (fork() == 0) {
      printf("in its child: wiped %d\n", p[PAGE]);
      fflush(stdout);
      _exit(0);
    }
    wait(NULL);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  printf("in the parent: %d %d\n", p[0], p[PAGE]);
  p = numbered(2);
  mlock(p, 2 * PAGE);
  printf("dontneed of locked: %s", result(madvise(p, PAGE, MADV_DONTNEED)));
  printf(", told so: %s", result(madvise(p, PAGE, MADV_DONTNEED_LOCKED)));
  printf(", %d\n", p[0]);
  p = numbered(2);
  printf("free, then written: %s", result(madvise(p, 2 * PAGE, MADV_FREE)));
  p[0] = 5;
  printf(" %d\n", p[0]);
}

static void cores(void) {
  unsigned char v[8];
  char* p = numbered(4);
  printf("unaligned: %s\n", result(mincore(p + 1, PAGE, v)));
  printf("bad vector: %s\n", result(mincore(p, PAGE, (void*)8)));
  printf("length 0: %s\n", result(mincore(p, 0, v)));
  printf("overflow: %s\n", result(mincore(p, -1ul, v)));
  printf("beyond: %s\n", result(mincore((void*)0xffff800000000000ul, PAGE, v)));
  munmap(p + PAGE, PAGE);
  printf("hole: %s\n", result(mincore(p, 4 * PAGE, v)));
  v[1] = 0;
  printf("part of a page: %s", result(mincore(p + 2 * PAGE, PAGE + 1, v)));
  printf(" %d\n", v[1] & 1);
  p = map(4, RW);
  p[PAGE] = 1;
  present(p, 4);
  mprotect(p, 4 * PAGE, PROT_NONE);
  present(p, 4);
  int memory = file_of(3);
  char* shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, memory, 0);
  present(shared, 3);
  char* disk = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, host_file(4), 0);
  present(disk, 4);
  shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared[2 * PAGE] = 1;
  present(shared, 4);
  printf("\n");
}

static void locking(void) {
  char* p = map(16, RW);
  long before = field("/proc/self/status", "VmLck");
  printf("lock part of two pages: %s", result(mlock(p + PAGE - 1, 2)));
  printf(", %ld kB ", field("/proc/self/status", "VmLck") - before);
  present(p, 3);
  printf("\nlock on fault: %s ", result(mlock2(p + 4 * PAGE, 2 * PAGE, MLOCK_ONFAULT)));
  present(p + 4 * PAGE, 2);
  printf(" %ld kB", field("/proc/self/status", "VmLck") - before);
  printf(", bad flag %s\n", result(mlock2(p, PAGE, 2)));
  printf("twice counts once: %s", result(mlock(p, 4 * PAGE)));
  printf(" %ld kB", field("/proc/self/status", "VmLck") - before);
  printf(", unlock: %s", result(munlock(p + PAGE, PAGE)));
  printf(" %ld kB\n", field("/proc/self/status", "VmLck") - before);
  munmap(p, 2 * PAGE);
  printf("unmapped: %ld kB\n", field("/proc/self/status", "VmLck") - before);
  printf("hole: %s", result(mlock(p, 4 * PAGE)));
  printf(", unlock %s", result(munlock(p, 4 * PAGE)));
  printf(", overflow %s", result(mlock(p, -1ul)));
  printf(", empty %s\n", result(mlock((void*)8, 0)));
  char* none = map(2, PROT_NONE);
  printf("without rights: %s", result(mlock(none, 2 * PAGE)));
  printf(" %ld kB\n", field("/proc/self/status", "VmLck") - before);
  printf("all: none %s", result(mlockall(0)));
  printf(", on fault alone %s", result(mlockall(MCL_ONFAULT)));
  printf(", unknown %s\n", result(mlockall(8)));
  munlockall();
  printf("unlocked: %ld kB\n", field("/proc/self/status", "VmLck"));
  printf("future: %s ", result(mlockall(MCL_FUTURE)));
  p = map(4, RW);
  present(p, 4);
  printf(" %ld kB", field("/proc/self/status", "VmLck"));
  printf(", on fault %s ", result(mlockall(MCL_FUTURE | MCL_ONFAULT)));
  p = map(4, RW);
  present(p, 4);
  printf(" %ld kB\n", field("/proc/self/status", "VmLck"));
  fflush(stdout);
  if (fork() == 0) {
    printf("a child: %ld kB", field("/proc/self/status", "VmLck"));
    p = map(4, RW);
    printf(" ");
    present(p, 4);
    printf("\n");
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
  munlockall();
  printf("then %ld kB ", field("/proc/self/status", "VmLck"));
  p = map(4, RW);
  present(p, 4);
  printf("\ncurrent: %s", result(mlockall(MCL_CURRENT)));
  present(p, 4);
  p = map(4, RW);
  present(p, 4);
  munlockall();
  printf("\n");
}

static void limited(void) {
  if (geteuid() == 0 && setuid(65534) != 0) _exit(1);
  struct rlimit l = {16 * PAGE, 16 * PAGE};
  setrlimit(RLIMIT_MEMLOCK, &l);
  char* p = map(64, RW);
  printf("within: %s", result(mlock(p, 16 * PAGE)));
  printf(", beyond: %s", result(mlock(p, 17 * PAGE)));
  printf(", beyond at another place: %s", result(mlock(p + 32 * PAGE, PAGE)));
  printf(", again: %s", result(mlock(p, 16 * PAGE)));
  printf(", mmap: %s", mapped(mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0)));
  printf(", grow: %s\n", mapped(mremap(p, 16 * PAGE, 17 * PAGE, MREMAP_MAYMOVE)));
  munlock(p, 8 * PAGE);
  printf("all: %s", result(mlockall(MCL_CURRENT)));
  printf(", future: %s", result(mlockall(MCL_FUTURE)));
  printf(", then mmap: %s", mapped(map(4, RW)));
  printf(", %s\n", mapped(map(9, RW)));
  munlockall();
  l.rlim_cur = l.rlim_max = 0;
  setrlimit(RLIMIT_MEMLOCK, &l);
  printf("none allowed: %s", result(mlock(p, PAGE)));
  printf(", all %s", result(mlockall(MCL_FUTURE)));
  printf(", mmap: %s\n", mapped(mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0)));
}

static void syncing(void) {
  char* p = map(4, RW);
  int disk = host_file(4);
  char* f = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, disk, 0);
  printf("unaligned: %s\n", result(msync(p + 1, PAGE, MS_SYNC)));
  printf("both: %s, unknown: %s, none: %s\n", result(msync(p, PAGE, MS_SYNC | MS_ASYNC)),
         result(msync(p, PAGE, 8)), result(msync(p, PAGE, 0)));
  printf("empty: %s, overflow: %s\n", result(msync(p, 0, MS_SYNC)), result(msync(p, -1ul, MS_SYNC)));
  munmap(p + PAGE, PAGE);
  printf("hole: %s, async %s, none %s\n", result(msync(p, 4 * PAGE, MS_SYNC)),
         result(msync(p, 4 * PAGE, MS_ASYNC)), result(msync(p, 4 * PAGE, 0)));
  f[0] = 42;
  f[2 * PAGE] = 43;
  printf("file: %s", result(msync(f, 4 * PAGE, MS_SYNC)));
  char a = 0, b = 0;
  if (pread(disk, &a, 1, 0) != 1 || pread(disk, &b, 1, 2 * PAGE) != 1) exit(1);
  printf(" %d %d\n", a, b);
  mlock(f, PAGE);
  printf("invalidate: locked %s", result(msync(f, 4 * PAGE, MS_INVALIDATE)));
  munlock(f, PAGE);
  printf(", not %s\n", result(msync(f, 4 * PAGE, MS_INVALIDATE)));
}

int main(void) {
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_NODEFER};
  act.sa_sigaction = on_fault;
  sigaction(SIGSEGV, &act, NULL);
  sigaction(SIGBUS, &act, NULL);
  part("mremap", remapping);
  part("madvise", advice);
  part("its effects", effects);
  part("mincore", cores);
  part("mlock", locking);
  part("limited", limited);
  part("msync", syncing);
  return 0;
}
