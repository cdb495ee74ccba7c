// mmap(2), munmap(2), mprotect(2) and brk(2), clause by clause: each flag's effect, each error's cause.
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
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clauses.h"
#include "faults.h"

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif

static int running(char* p) {
  int r = sigsetjmp(jump, 1);
  expected = r == 0;
  if (r == 0) ((void (*)(void))(uintptr_t)p)();
  expected = 0;
  return r;
}
static int present(char* p, unsigned pages) {
  unsigned char v[64];
  int n = 0;
  if (mincore(p, pages * PAGE, v) != 0) return -1;
  for (unsigned i = 0; i < pages; ++i) n += v[i] & 1;
  return n;
}
static int maps_has(void* at, const char* text) {
  char line[400], start[32];
  int found = 0;
  snprintf(start, sizeof start, "%lx-", (unsigned long)at);
  FILE* f = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, f) != NULL)
    if (strncmp(line, start, strlen(start)) == 0) found = strstr(line, text) != NULL;
  fclose(f);
  return found;
}

static void kinds(void) {
  int memfd = memfd_create("f", MFD_ALLOW_SEALING), null = open("/dev/null", O_RDWR),
      zero = open("/dev/zero", O_RDWR);
  int directory = open("/tmp", O_RDONLY), path = open("/etc/passwd", O_PATH),
      file = open("/etc/passwd", O_RDONLY);
  int pipes[2], sockets[2];
  if (ftruncate(memfd, 4 * PAGE) != 0 || pipe(pipes) != 0 ||
      socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0)
    exit(1);
  printf("directory: %s\n", mapped(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, directory, 0)));
  printf("O_PATH: %s\n", mapped(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, path, 0)));
  printf("pipe: %s\n", mapped(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0)));
  printf("pipe's writing end: %s\n", mapped(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pipes[1], 0)));
  printf("socket: %s\n", mapped(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, sockets[0], 0)));
  printf("/dev/null: %s\n", mapped(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, null, 0)));
  char* z = mmap(NULL, PAGE, RW, MAP_PRIVATE, zero, 0);
  printf("/dev/zero: %s", mapped(z));
  printf(" %d", reading(z));
  printf(" %d\n", writing(z));
  z = mmap(NULL, PAGE, RW, MAP_SHARED, zero, 0);
  printf("/dev/zero, shared: %s %d\n", mapped(z), writing(z));
  printf("read-only file, shared and writable: %s\n", mapped(mmap(NULL, PAGE, RW, MAP_SHARED, file, 0)));
  printf("private and writable: %s\n", mapped(mmap(NULL, PAGE, RW, MAP_PRIVATE, file, 0)));
  char* ro = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
  printf("shared, made writable later: %s\n", result(mprotect(ro, PAGE, RW)));
  char name[] = "/tmp/mmap-clauses-XXXXXX";
  int tmp = mkstemp(name);
  if (write(tmp, "0123456789", 10) != 10) exit(1);
  int only = open(name, O_WRONLY), append = open(name, O_RDWR | O_APPEND);
  printf("write-only: %s", mapped(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, only, 0)));
  printf(", private %s\n", mapped(mmap(NULL, PAGE, PROT_WRITE, MAP_PRIVATE, only, 0)));
  printf("append: %s\n", mapped(mmap(NULL, PAGE, RW, MAP_SHARED, append, 0)));
  unlink(name);
  printf("no kind: %s", mapped(mmap(NULL, PAGE, RW, 0, file, 0)));
  printf(" %s\n", mapped(mmap(NULL, PAGE, RW, 8, file, 0)));
  printf("both kinds, not for files: %s\n",
         mapped(mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0)));
  printf("validate: %s", mapped(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE, memfd, 0)));
  printf(", unknown flag %s", mapped(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x800000, memfd, 0)));
  printf(", sync %s", mapped(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, memfd, 0)));
  printf(", shared ignores it %s\n", mapped(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | 0x800000, memfd, 0)));
  printf("closed: %s\n", (close(memfd), mapped(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, memfd, 0))));
  printf("anonymous ignores fd and offset: %s\n", mapped(mmap(NULL, PAGE, RW, ANON, 999, 8 * PAGE)));
  printf("anonymous, odd offset: %s\n", mapped((void*)syscall(SYS_mmap, NULL, PAGE, RW, ANON, -1, 100)));
  int sealed = memfd_create("s", MFD_ALLOW_SEALING);
  if (ftruncate(sealed, PAGE) != 0) exit(1);
  char* w = mmap(NULL, PAGE, RW, MAP_SHARED, sealed, 0);
  printf("seal a writable mapping: %s", result(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE)));
  munmap(w, PAGE);
  printf(", then %s", result(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE)));
  printf(", write %s", mapped(mmap(NULL, PAGE, RW, MAP_SHARED, sealed, 0)));
  printf(", private %s\n", mapped(mmap(NULL, PAGE, RW, MAP_PRIVATE, sealed, 0)));
}

static void places(void) {
  int memfd = memfd_create("f", 0);
  if (ftruncate(memfd, 4 * PAGE) != 0) exit(1);
  char* p = mmap(NULL, 16 * PAGE, PROT_NONE, ANON, -1, 0);
  munmap(p + 4 * PAGE, 4 * PAGE);
  printf("hint in a gap is taken: %d\n", mmap(p + 4 * PAGE, PAGE, RW, ANON, -1, 0) == p + 4 * PAGE);
  printf("hint is rounded: %d\n", mmap(p + 5 * PAGE + 1, PAGE, RW, ANON, -1, 0) == p + 5 * PAGE);
  void* elsewhere = mmap(p, PAGE, RW, ANON, -1, 0);
  printf("hint that is taken goes elsewhere: %d\n", elsewhere != MAP_FAILED && elsewhere != p);
  printf("fixed replaces: %d\n", mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p && writing(p) == 0);
  printf("noreplace over a part: %s\n",
         mapped(mmap(p + 15 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0)));
  printf("noreplace, odd: %s\n", mapped(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0)));
  printf("fixed, odd: %s\n", mapped(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0)));
  printf("fixed beyond the end: %s",
         mapped(mmap((void*)0x7ffffffff000ul, PAGE, RW, ANON | MAP_FIXED, -1, 0)));
  printf(" %s", mapped(mmap((void*)0xffff800000000000ul, PAGE, RW, ANON | MAP_FIXED, -1, 0)));
  printf(" %s\n", mapped(mmap((void*)-PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0)));
  printf("lengths: %s", mapped(mmap(NULL, -1ul, RW, ANON, -1, 0)));
  printf(" %s", mapped(mmap(NULL, -PAGE, RW, ANON, -1, 0)));
  printf(" %s\n", mapped(mmap(NULL, 1ul << 48, PROT_NONE, ANON | MAP_NORESERVE, -1, 0)));
  printf("more than all memory: %s", mapped(mmap(NULL, 1ul << 45, RW, ANON, -1, 0)));
  printf(", shared %s", mapped(mmap(NULL, 1ul << 45, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)));
  printf(", to read %s", mapped(p = mmap(NULL, 1ul << 45, PROT_READ, ANON, -1, 0)));
  printf(", made writable %s", result(mprotect(p, 1ul << 45, RW)));
  printf(", not reserved %s\n", mapped(mmap(NULL, 1ul << 45, RW, ANON | MAP_NORESERVE, -1, 0)));
  printf("offset that overflows: %s\n", mapped(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, memfd, -PAGE)));
  p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, memfd, 1 << 20);
  printf("beyond the file's end: %s", mapped(p));
  printf(", %d\n", reading(p));
  printf("32 bit: ");
  p = mmap(NULL, PAGE, RW, ANON | MAP_32BIT, -1, 0);
  printf("%d\n", (uintptr_t)p + PAGE <= 1ul << 32 && writing(p) == 0);
  printf("munmap: beyond %s", result(munmap((void*)0xffff800000000000ul, PAGE)));
  printf(", unaligned %s", result(munmap(p + 8, PAGE)));
  printf(", nothing there %s", result(munmap((void*)0x100000, PAGE)));
  printf(", overflow %s\n", result(munmap(p, -1ul)));
}

static void rights(void) {
  char* p = mmap(NULL, 4 * PAGE, PROT_NONE, ANON, -1, 0);
  printf("none: %d", reading(p));
  printf(" %d\n", writing(p));
  printf("to read: %s", result(mprotect(p, PAGE, PROT_READ)));
  printf(" %d", reading(p));
  printf(" %d\n", writing(p));
  printf("to write only, which reads too: %s", result(mprotect(p, PAGE, PROT_WRITE)));
  printf(" %d", writing(p));
  printf(" %d\n", reading(p));
  p[0] = (char)0xc3;
  printf("not to run: %d\n", running(p));
  printf("to run only: %s", result(mprotect(p, PAGE, PROT_EXEC)));
  printf(" %d", running(p));
  printf(" %d\n", writing(p));
  printf("all: %s", result(mprotect(p, PAGE, RW | PROT_EXEC)));
  printf(" %d", running(p));
  printf(" %d\n", writing(p + 8));
  printf("errors: %s", result(mprotect(p + 1, PAGE, RW)));
  printf(" %s", result(mprotect(p, PAGE, 0x40)));
  printf(" %s", result(mprotect(p, 0, RW)));
  printf(" %s", result(mprotect((char*)0x100000, PAGE, RW)));
  printf(" %s", result(mprotect(p, -1ul, RW)));
  printf(" %s", result(mprotect(p, PAGE, PROT_GROWSDOWN)));
  printf(" %s", result(mprotect(p, PAGE, PROT_GROWSUP)));
  printf(" %s\n", result(mprotect(p, PAGE, PROT_GROWSUP | PROT_GROWSDOWN)));
  printf("length 0 of nothing: %s", result(mprotect((char*)0x100000, 0, RW)));
  printf(", unaligned and empty: %s\n", result(mprotect(p + 1, 0, RW)));
}

static void growing(void) {
  // A stack of one's own: room below it, and a page that grows down.
  char* room = mmap(NULL, 2048 * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
  munmap(room, 2048 * PAGE);
  char* top = mmap(room + 2000 * PAGE, PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
  printf("grows down: %s, is there %d\n", mapped(top), top == room + 2000 * PAGE);
  printf("the page below: %d", writing(top - 8));
  printf(", far below: %d\n", writing(top - 900 * PAGE));
  printf("protect with growth: %s", result(mprotect(top, PAGE, PROT_READ | PROT_GROWSDOWN)));
  printf(", then %d\n", writing(top - 900 * PAGE));
  char* low = mmap(room, PAGE, RW, ANON | MAP_FIXED, -1, 0);
  printf("near another mapping: %d\n", low == room ? writing(room + 200 * PAGE) : -1);
  printf("shared grows: %s\n",
         mapped(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0)));
  int file = open("/etc/passwd", O_RDONLY);
  printf("file grows: %s\n", mapped(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_GROWSDOWN, file, 0)));
  struct rlimit l = {64 << 10, RLIM_INFINITY};
  setrlimit(RLIMIT_STACK, &l);
  char* more = mmap(NULL, 2048 * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
  munmap(more, 2048 * PAGE);
  top = mmap(more + 2000 * PAGE, PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
  printf("within the limit: %d", writing(top - 10 * PAGE));
  printf(", beyond it: %d\n", writing(top - 40 * PAGE));
}

static void presence(void) {
  // In 2 MiB of its own: what processes before it read there may be resident, as zeros that they share.
  char* p = mmap(NULL, 4ul << 20, RW, ANON, -1, 0);
  p = (char*)(((uintptr_t)p + (2ul << 20) - 1) & -(2ul << 20));
  printf("untouched: %d", present(p, 8));
  p[0] = p[5 * PAGE] = 1;
  printf(", touched: %d\n", present(p, 8));
  p = mmap(NULL, 8 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
  printf("populate: %d", present(p, 8));
  p = mmap(NULL, 8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  printf(", shared %d", present(p, 8));
  p = mmap(NULL, 8 * PAGE, PROT_NONE, ANON | MAP_POPULATE, -1, 0);
  printf(", without rights %d", present(p, 8));
  p = mmap(NULL, 8 * PAGE, RW, ANON | MAP_POPULATE | MAP_NONBLOCK, -1, 0);
  printf(", nonblock %d\n", present(p, 8));
  p = mmap(NULL, 8 * PAGE, RW, ANON | MAP_LOCKED, -1, 0);
  printf("locked: %d\n", present(p, 8));
  p = mmap(NULL, 8 * PAGE, RW, ANON | MAP_NORESERVE | MAP_STACK, -1, 0);
  printf("stack, not reserved: %s", mapped(p));
  printf(" %d\n", writing(p));
  p = mmap(NULL, 1ul << 40, RW, ANON | MAP_NORESERVE, -1, 0);
  printf("a terabyte, not reserved: %s", mapped(p));
  printf(" %d", writing(p));
  printf(" %d\n", writing(p + (1ul << 40) - 1));
  munmap(p, 1ul << 40);
  // A file's private pages, its end, and the rest of its last page.
  int memfd = memfd_create("f", 0);
  if (write(memfd, "hello", 5) != 5) exit(1);
  p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_POPULATE, memfd, 0);
  printf("file: %.5s %d, %d\n", p, p[5], reading(p + PAGE));
  printf("named: %d %d\n", maps_has(p, "memfd:f"), maps_has(p, "rw-p"));
}

static char* heap(void) { return (char*)syscall(SYS_brk, 0); }
static void breaks(void) {
  char* start = heap();
  printf("grow: %d", (char*)syscall(SYS_brk, start + 3 * PAGE) == start + 3 * PAGE);
  start[2 * PAGE] = 7;
  printf(", odd end: %d", (char*)syscall(SYS_brk, start + 2 * PAGE + 5) == start + 2 * PAGE + 5);
  printf(", kept: %d", start[2 * PAGE]);
  printf(", shrink: %d", (char*)syscall(SYS_brk, start + PAGE) == start + PAGE);
  printf(", gone: %d", reading(start + 2 * PAGE));
  syscall(SYS_brk, start + 3 * PAGE);
  printf(", zeros again: %d\n", start[2 * PAGE]);
  printf("below its begin: %d, too far: %d\n", (char*)syscall(SYS_brk, 4096) == start + 3 * PAGE,
         (char*)syscall(SYS_brk, 0x7fffffffffff) == start + 3 * PAGE);
  char* end = (char*)(((uintptr_t)heap() + PAGE - 1) & -PAGE);
  void* wall = mmap(end + 4 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
  printf("into a mapping: %d\n",
         wall != MAP_FAILED && (char*)syscall(SYS_brk, end + 8 * PAGE) == start + 3 * PAGE);
  struct rlimit l = {64 << 10, RLIM_INFINITY};
  setrlimit(RLIMIT_DATA, &l);
  munmap(wall, PAGE);
  printf("beyond RLIMIT_DATA: %d\n", (char*)syscall(SYS_brk, end + (1 << 20)) == start + 3 * PAGE);
}

int main(void) {
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_NODEFER};
  act.sa_sigaction = on_fault;
  stack_t alternative = {.ss_sp = mmap(NULL, 65536, RW, ANON, -1, 0), .ss_size = 65536};
  sigaltstack(&alternative, NULL);
  sigaction(SIGSEGV, &act, NULL);
  sigaction(SIGBUS, &act, NULL);
  part("kinds", kinds);
  part("places", places);
  part("rights", rights);
  part("growing", growing);
  part("presence", presence);
  part("brk", breaks);
  return 0;
}
