// The mmap family's errors and effects, line by line.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static sigjmp_buf jump;
static void on_fault(int sig, siginfo_t* info, void* uc) {
  (void)uc;
  siglongjmp(jump, sig * 100 + info->si_code);
}
static int touch_read(volatile char* p) {
  int r = sigsetjmp(jump, 1);
  if (r == 0) (void)*p;
  return r;
}
static int touch_write(volatile char* p) {
  int r = sigsetjmp(jump, 1);
  if (r == 0) *p = 1;
  return r;
}
static const char* result(long r) { return r == -1 ? strerrorname_np(errno) : "ok"; }
static const char* mapped(void* p) { return p == MAP_FAILED ? strerrorname_np(errno) : "ok"; }
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

int main(void) {
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_NODEFER};
  act.sa_sigaction = on_fault;
  sigaction(SIGSEGV, &act, NULL);
  sigaction(SIGBUS, &act, NULL);

  printf("length 0: %s\n", mapped(mmap(NULL, 0, RW, ANON, -1, 0)));
  printf("bad fd: %s\n", mapped(mmap(NULL, 4096, RW, MAP_PRIVATE, 999, 0)));
  printf("no kind: %s\n", mapped(mmap(NULL, 4096, RW, MAP_ANONYMOUS, -1, 0)));
  printf("unaligned offset: %s\n", mapped(mmap(NULL, 4096, RW, MAP_PRIVATE, 0, 1)));
  printf("unaligned fixed: %s\n", mapped(mmap((void*)0x10000001, 4096, RW, ANON | MAP_FIXED, -1, 0)));
  printf("huge: %s\n", mapped(mmap(NULL, 1ul << 50, RW, ANON, -1, 0)));
  char* p = mmap(NULL, 16 * 4096, RW, ANON, -1, 0);
  printf("fixed noreplace over: %s\n", mapped(mmap(p, 4096, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0)));
  printf("munmap unaligned: %s\n", result(munmap(p + 1, 4096)));
  printf("munmap zero: %s\n", result(munmap(p, 0)));
  printf("munmap hole: %s\n", result(munmap(p + 4 * 4096, 4096)));
  printf("munmap again: %s\n", result(munmap(p + 4 * 4096, 4096)));
  printf("mprotect over hole: %s\n", result(mprotect(p, 16 * 4096, PROT_READ)));
  printf("before the hole: r %d w %d\n", touch_read(p), touch_write(p));
  printf("the hole: r %d w %d\n", touch_read(p + 4 * 4096), touch_write(p + 4 * 4096));
  printf("behind the hole: r %d w %d\n", touch_read(p + 8 * 4096), touch_write(p + 8 * 4096));
  printf("mprotect none: %s\n", result(mprotect(p, 4096, PROT_NONE)));
  printf("then r %d\n", touch_read(p));
  printf("mprotect back: %s\n", result(mprotect(p, 4096, RW)));
  printf("then w %d\n", touch_write(p));
  memset(p, 7, 4096);
  printf("dontneed: %s\n", result(madvise(p, 4096, MADV_DONTNEED)));
  printf("then %d\n", p[9]);
  printf("madvise bad: %s\n", result(madvise(p, 4096, 9999)));
  printf("madvise unaligned: %s\n", result(madvise(p + 1, 4096, MADV_DONTNEED)));
  printf("madvise hole: %s\n", result(madvise(p, 16 * 4096, MADV_DONTNEED)));
  unsigned char vec[16];
  printf("mincore hole: %s\n", result(mincore(p, 16 * 4096, vec)));
  printf("msync hole: %s\n", result(msync(p, 16 * 4096, MS_SYNC)));
  printf("msync both: %s\n", result(msync(p, 4096, MS_SYNC | MS_ASYNC)));

  char* q = mmap(NULL, 8 * 4096, RW, ANON, -1, 0);
  for (int i = 0; i < 8; ++i) q[i * 4096] = (char)(i + 1);
  printf("mremap shrink: %s\n", mapped(mremap(q, 8 * 4096, 4 * 4096, 0)));
  printf("shrunk tail: r %d\n", touch_read(q + 5 * 4096));
  char* r = mremap(q, 4 * 4096, 64 * 4096, MREMAP_MAYMOVE);
  printf("mremap grow: %s, bytes %d %d %d %d %d\n", mapped(r), r[0], r[4096], r[2 * 4096], r[3 * 4096],
         r[4 * 4096]);
  char* fixed = mmap(NULL, 64 * 4096, PROT_NONE, ANON, -1, 0);
  char* moved = mremap(r, 64 * 4096, 64 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, fixed);
  printf("mremap fixed: %s, at it %d, byte %d, old r %d\n", mapped(moved), moved == fixed, moved[4096],
         touch_read(r));
  printf("mremap unmapped: %s\n", mapped(mremap(r, 4096, 8192, MREMAP_MAYMOVE)));
  printf("mremap bad flags: %s\n", mapped(mremap(moved, 4096, 8192, 64)));

  int fd = memfd_create("f", 0);
  if (fd < 0 || ftruncate(fd, 3 * 4096 + 100) != 0) return 1;
  char* f = mmap(NULL, 8 * 4096, RW, MAP_SHARED, fd, 0);
  char* g = mmap(NULL, 8 * 4096, RW, MAP_PRIVATE, fd, 0);
  f[0] = 'x';
  f[3 * 4096 + 200] = 'y';
  printf("shared to private: %c\n", g[0]);
  g[0] = 'p';
  printf("private stays private: %c %c\n", f[0], g[0]);
  f[1] = 'z';
  printf("after its copy: %d\n", g[1]);
  printf("last page: r %d; beyond: r %d w %d\n", touch_read(f + 3 * 4096 + 4000), touch_read(f + 4 * 4096),
         touch_write(f + 5 * 4096));
  if (ftruncate(fd, 4096) != 0) return 1;
  printf("after truncation: r %d, private copy %d\n", touch_read(f + 2 * 4096), touch_read(g + 2 * 4096));
  if (ftruncate(fd, 8 * 4096) != 0) return 1;
  printf("grown again: %d %d\n", f[2 * 4096], f[3 * 4096 + 200]);
  char buf[4] = {0};
  // Wholly behind the file's end, near to it: accounting must find nothing there.
  char* behind = mmap(NULL, 4 * 4096, RW, MAP_SHARED, fd, 100 * 4096);
  printf("behind the end: %s, r %d\n", mapped(behind), touch_read(behind));
  int smaps = open("/proc/self/smaps", O_RDONLY);
  char text[4096];
  ssize_t got = 0, n;
  while ((n = read(smaps, text, sizeof text)) > 0) got += n;
  printf("smaps: %s\n", n == 0 && got > 1000 ? "read" : "broken");
  printf("pread %zd %c\n", pread(fd, buf, 2, 0), buf[0]);
  if (pwrite(fd, "WW", 2, 4096) != 2) return 1;
  printf("written seen in mapping: %c\n", f[4096]);
  printf("brk: %d\n", sbrk(4096) != (void*)-1 && sbrk(-4096) != (void*)-1);
  char* m32 = mmap(NULL, 4096, RW, ANON | MAP_32BIT, -1, 0);
  printf("32 bit: %s %d\n", mapped(m32), (uintptr_t)m32 < (1ul << 31));
  printf("mlock: %s\n", result(mlock(p, 4096)));
  printf("munlock: %s\n", result(munlock(p, 4096)));
  printf("read into read-only: ");
  int pipefd[2];
  if (pipe(pipefd) != 0 || write(pipefd[1], "abc", 3) != 3) return 1;
  mprotect(p, 4096, PROT_READ);
  printf("%s\n", result(read(pipefd[0], p, 3)));
  printf("read into code: %s\n", result(read(pipefd[0], (void*)(uintptr_t)main, 3)));
  printf("read to kernel addresses: %s\n", result(read(pipefd[0], (void*)0xffff800000000000ul, 3)));
  return 0;
}
