// A program of a user of the library: every function once. Status 77 and a line about how to run it on a
// kernel without the calls.
#include <quire/mm.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEED(condition)                                                            \
  do {                                                                             \
    if (!(condition)) {                                                            \
      fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, strerror(errno)); \
      return 1;                                                                    \
    }                                                                              \
  } while (0)

int main(void) {
  int mm = create_mm(0);
  if (mm < 0 && errno == ENOSYS) {
    fprintf(stderr, "%s\n", quire_mm_hint());
    return 77;
  }
  NEED(mm >= 0);
  char* at = (char*)0x10000000;
  NEED(mm_mmap(mm, at, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
  unsigned char code[] = {0xb8, 7, 0, 0, 0, 0x0f, 0x05};  // mov $7,%eax ; syscall
  struct iovec here = {code, sizeof code}, there = {at, sizeof code};
  NEED(mm_write(mm, &here, 1, &there, 1, 0) == sizeof code);
  NEED(mm_mprotect(mm, at, 4096, PROT_READ | PROT_EXEC) == 0);
  struct mm_context c = {.size = sizeof c};
  c.regs.rip = (uint64_t)at;
  NEED(mm_run(mm, &c, 0) == MM_EXIT_SYSCALL && c.regs.orig_rax == 7);
  char* mine = mm_map(mm, at + 4096, 4096, PROT_READ | PROT_WRITE, 0, NULL);
  NEED(mine != MAP_FAILED);
  strcpy(mine, "both");
  char text[8];
  here = (struct iovec){text, 5}, there = (struct iovec){at + 4096, 5};
  NEED(mm_read(mm, &here, 1, &there, 1, 0) == 5 && strcmp(text, "both") == 0);
  const unsigned long call[7] = {SYS_getpid};
  NEED(mm_indirect(mm, call, 0) == getpid());
  struct mm_call calls[2] = {{{SYS_getpid}, 0}, {{SYS_getppid}, 0}};
  struct mm_batch batch = {.calls = (uint64_t)calls, .count = 2};
  NEED(mm_indirect_batch(mm, &batch) == 2 && calls[0].result == getpid() && calls[1].result == getppid());
  NEED(mm_munmap(mm, at, 4096) == 0);
  NEED(mm_switch(-1) == -1 && errno == EBADF);
  puts("used");
  return 0;
}
