// What /proc tells of memory: smaps and pagemap of areas that were touched, shared, forked and dropped; the
// sums of status and statm; and limits that change while the program runs.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clauses.h"

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char* map(unsigned long pages) {
  // Away from its neighbours, so that areas do not merge, and in small pages.
  char* p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, ANON, -1, 0);
  mprotect(p + PAGE, pages * PAGE, RW);
  madvise(p + PAGE, pages * PAGE, MADV_NOHUGEPAGE);
  return p + PAGE;
}
static void area(const char* what, const char* at) {
  static const char* keys[] = {"Size",          "Rss",           "Pss",       "Shared_Clean", "Shared_Dirty",
                               "Private_Clean", "Private_Dirty", "Anonymous", "Locked"};
  printf("%s:", what);
  for (unsigned i = 0; i < sizeof keys / sizeof *keys; ++i) printf(" %s %ld", keys[i], smaps(at, keys[i]));
  printf("\n");
}
static int flag(const char* at, const char* which) {
  char line[300], start[32];
  int in = 0, found = -1;
  snprintf(start, sizeof start, "%lx-", (unsigned long)at);
  FILE* f = fopen("/proc/self/smaps", "r");
  while (fgets(line, sizeof line, f) != NULL) {
    if (strncmp(line, start, strlen(start)) == 0)
      in = 1;
    else if (in && strncmp(line, "VmFlags:", 8) == 0) {
      found = strstr(line, which) != NULL;
      break;
    }
  }
  fclose(f);
  return found;
}
static void pages(const char* what, const char* at, unsigned n, unsigned step) {
  uint64_t e;
  int fd = open("/proc/self/pagemap", O_RDONLY);
  printf("%s:", what);
  for (unsigned i = 0; i < n; ++i) {
    if (pread(fd, &e, 8, (off_t)(((uintptr_t)at / PAGE + i * step) * 8)) != 8) e = 0;
    printf(" %d%d%d", (int)(e >> 63), (int)(e >> 61 & 1), (int)(e >> 56 & 1));
  }
  printf("\n");
  close(fd);
}

// What a process gave up is counted when its memory is taken apart, which may be a moment later.
static void await_pss(const char* p, long wanted) {
  for (int i = 0; i < 500 && smaps(p, "Pss") != wanted; ++i) usleep(10000);
}

// Pages 64 KiB apart: their neighbours may be copied along with a page that is written.
#define STEP 16
static void private_areas(void) {
  char* p = map(8 * STEP);
  area("untouched", p);
  for (int i = 0; i < 5; ++i) p[i * STEP * PAGE] = 1;
  area("five pages", p);
  pages("pagemap (present, of a file or shared, exclusive)", p, 7, STEP);
  int go[2], done[2];
  if (pipe(go) != 0 || pipe(done) != 0) exit(1);
  fflush(stdout);
  pid_t child = fork();
  char c = 'x';
  if (child == 0) {
    close(go[1]);
    p[0] = 2;
    map(1)[0] = 1;  // what was replaced is given up by the next fault at the latest
    if (write(done[1], &c, 1) != 1 || read(go[0], &c, 1) < 0) _exit(1);
    _exit(0);
  }
  if (read(done[0], &c, 1) != 1) exit(1);
  await_pss(p, 12);
  area("forked, the child wrote to one", p);
  pages("pagemap", p, 6, STEP);
  p[STEP * PAGE] = 2;
  area("and the parent to another", p);
  close(go[1]);
  waitpid(child, NULL, 0);
  await_pss(p, 20);
  area("the child has gone", p);
  madvise(p, 3 * STEP * PAGE, MADV_DONTNEED);
  area("three dropped", p);
  mlock(p, 8 * STEP * PAGE);
  area("locked", p);
  munlock(p, 8 * STEP * PAGE);
  mprotect(p, 8 * STEP * PAGE, PROT_NONE);
  area("without rights", p);
}

static void shared_areas(void) {
  int fd = memfd_create("f", 0);
  if (ftruncate(fd, 8 * PAGE) != 0) exit(1);
  char* p = mmap(NULL, 8 * PAGE, RW, MAP_SHARED, fd, 0);
  p[0] = p[2 * PAGE] = 1;
  area("shared", p);
  pages("pagemap", p, 3, 1);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    p[0] = p[2 * PAGE] = 2;
    area("in a child too", p);
    pages("pagemap", p, 3, 1);
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  char* q = mmap(NULL, 8 * PAGE, RW, MAP_PRIVATE, fd, 0);
  q[2 * PAGE] = 1;
  printf("private of a file: anonymous %ld\n", smaps(q, "Anonymous"));
  pages("pagemap", q + 2 * PAGE, 1, 1);
  int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
  char* s = shmat(id, NULL, 0);
  shmctl(id, IPC_RMID, NULL);
  s[PAGE] = 1;
  area("segment", s);
}

static void flags(void) {
  char* p = map(4);
  printf("flags: rd %d wr %d ex %d sh %d mr %d mw %d me %d lo %d gd %d nr %d dc %d wf %d nh %d dd %d\n",
         flag(p, " rd"), flag(p, " wr"), flag(p, " ex"), flag(p, " sh"), flag(p, " mr"), flag(p, " mw"),
         flag(p, " me"), flag(p, " lo"), flag(p, " gd"), flag(p, " nr"), flag(p, " dc"), flag(p, " wf"),
         flag(p, " nh"), flag(p, " dd"));
  madvise(p, 4 * PAGE, MADV_DONTFORK);
  madvise(p, 4 * PAGE, MADV_WIPEONFORK);
  madvise(p, 4 * PAGE, MADV_DONTDUMP);
  mlock(p, 4 * PAGE);
  printf("advised: dc %d wf %d dd %d lo %d\n", flag(p, " dc"), flag(p, " wf"), flag(p, " dd"),
         flag(p, " lo"));
}

static void sums(void) {
  const char* status = "/proc/self/status";
  long size = field(status, "VmSize:"), data = field(status, "VmData:");
  char* p = map(1024);
  printf("VmSize +%ld, VmData +%ld\n", field(status, "VmSize:") - size, field(status, "VmData:") - data);
  long before = field("/proc/self/smaps_rollup", "Rss:");
  memset(p, 1, 1024 * PAGE);
  long after = field("/proc/self/smaps_rollup", "Rss:");
  printf("rss +%d MB\n", (int)((after - before + 512) / 1024));
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  printf("peaks: VmHWM %d, ru_maxrss %d, VmPeak %d\n", field(status, "VmHWM:") >= after - 256,
         u.ru_maxrss >= after - 256, field(status, "VmPeak:") >= size + 4096);
  munmap(p, 1024 * PAGE);
  printf("rss -%d MB\n", (int)((after - field("/proc/self/smaps_rollup", "Rss:") + 512) / 1024));
  FILE* f = fopen("/proc/self/statm", "r");
  long total = 0, resident = 0, shared = 0;
  if (fscanf(f, "%ld %ld %ld", &total, &resident, &shared) != 3) exit(1);
  fclose(f);
  printf("statm: size as in status %d, shared less than resident %d\n", total * 4 == field(status, "VmSize:"),
         shared <= resident);
  printf("VmPTE %d\n", field(status, "VmPTE:") > 0);
}

static void limit(int what, unsigned long n) {
  struct rlimit l;
  getrlimit(what, &l);
  l.rlim_cur = n;
  if (setrlimit(what, &l) != 0) printf("setrlimit: %s\n", strerrorname_np(errno));
}
static void limits(void) {
  const unsigned long mb = 1ul << 20;
  long size = field("/proc/self/status", "VmSize:") * 1024;
  limit(RLIMIT_AS, (unsigned long)size + 64 * mb);
  printf("RLIMIT_AS: 65 MB %s", mapped(mmap(NULL, 65 * mb, RW, ANON, -1, 0)));
  printf(", none %s", mapped(mmap(NULL, 65 * mb, PROT_NONE, ANON | MAP_NORESERVE, -1, 0)));
  char* p = mmap(NULL, 32 * mb, RW, ANON, -1, 0);
  printf(", 32 MB %s, again %s", mapped(p), mapped(mmap(NULL, 33 * mb, RW, ANON, -1, 0)));
  printf(", over itself %s", mapped(mmap(p, 32 * mb, RW, ANON | MAP_FIXED, -1, 0)));
  printf(", grown %s", mapped(mremap(p, 32 * mb, 65 * mb, MREMAP_MAYMOVE)));
  int id = shmget(IPC_PRIVATE, 40 * mb, IPC_CREAT | 0600);
  printf(", attached %s", mapped(shmat(id, NULL, 0)));
  shmctl(id, IPC_RMID, NULL);
  limit(RLIMIT_AS, RLIM_INFINITY);
  printf(", raised %s\n", mapped(mmap(NULL, 65 * mb, RW, ANON, -1, 0)));
  munmap(p, 32 * mb);
  long data = field("/proc/self/status", "VmData:") * 1024;
  limit(RLIMIT_DATA, (unsigned long)data + 8 * mb);
  printf("RLIMIT_DATA: 9 MB %s", mapped(mmap(NULL, 9 * mb, RW, ANON, -1, 0)));
  printf(", shared %s", mapped(mmap(NULL, 9 * mb, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)));
  p = mmap(NULL, 9 * mb, PROT_READ, ANON, -1, 0);
  printf(", to read %s", mapped(p));
  printf(", made writable %s", mprotect(p, 9 * mb, RW) == 0 ? "ok" : strerrorname_np(errno));
  printf(", brk %s", sbrk(9 * (long)mb) == (void*)-1 ? strerrorname_np(errno) : "ok");
  printf(", 7 MB %s\n", mapped(mmap(NULL, 7 * mb, RW, ANON, -1, 0)));
  // From outside, and on to children and programs.
  limit(RLIMIT_DATA, RLIM_INFINITY);
  int go[2], done[2];
  char c = 0;
  if (pipe(go) != 0 || pipe(done) != 0) exit(1);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    if (read(go[0], &c, 1) != 1) _exit(1);
    printf("set from outside: %s", mapped(mmap(NULL, 1ul << 30, RW, ANON, -1, 0)));
    fflush(stdout);
    if (fork() == 0) {
      printf(", in its child %s\n", mapped(mmap(NULL, 1ul << 30, RW, ANON, -1, 0)));
      fflush(stdout);
      _exit(0);
    }
    wait(NULL);
    _exit(0);
  }
  struct rlimit l = {512 * mb, RLIM_INFINITY};
  if (prlimit(child, RLIMIT_AS, &l, NULL) != 0) printf("prlimit: %s\n", strerrorname_np(errno));
  if (write(go[1], "x", 1) != 1) exit(1);
  waitpid(child, NULL, 0);
}

static void huge_knobs(void) {
  printf("THP of a process: %d", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  printf(" %d", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
  printf(" %d", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  fflush(stdout);
  if (fork() == 0) {
    printf(", inherited %d", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
  printf(", off %d", prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
  printf(" %d", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  printf(", errors %d", prctl(PR_SET_THP_DISABLE, 1, 1, 0, 0));
  printf(" %d\n", prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0));
  const unsigned long mb2 = 2ul << 20;
  char* p = mmap(NULL, 4 * mb2, RW, ANON, -1, 0);
  char* q = (char*)(((uintptr_t)p + mb2 - 1) & -mb2);
  madvise(q, mb2, MADV_NOHUGEPAGE);
  q[0] = 1;
  printf("NOHUGEPAGE: rss %ld, huge %ld, flag nh %d\n", smaps(q, "Rss"), smaps(q, "AnonHugePages"),
         flag(q, " nh"));
  printf("eligible %ld", smaps(q, "THPeligible"));
  munmap(p, 4 * mb2);
  p = mmap(NULL, 4 * mb2, RW, ANON, -1, 0);
  q = (char*)(((uintptr_t)p + mb2 - 1) & -mb2);
  madvise(q, mb2, MADV_HUGEPAGE);
  printf(", HUGEPAGE: eligible %ld, flag hg %d, nh %d\n", smaps(q, "THPeligible"), flag(q, " hg"),
         flag(q, " nh"));
  q[5] = 1;
  printf("touched: rss %ld, huge %ld\n", smaps(q, "Rss"), smaps(q, "AnonHugePages"));
}

int main(void) {
  private_areas();
  shared_areas();
  flags();
  sums();
  limits();
  huge_knobs();
  return 0;
}
