// What the tests of address spaces share. Each program prints "checked" and nothing else when all is well;
// on a kernel without the calls it checks that every one says so.
#pragma once
#include "../../../include/quire/mm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failures;
#define CHECK(condition)                                                                \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      printf("line %d: %s (errno %s)\n", __LINE__, #condition, strerrorname_np(errno)); \
      ++failures;                                                                       \
    }                                                                                   \
  } while (0)
// The expression, which makes the call named first, fails with this error. tools/check-man reads these.
#define REFUSES(call, number, expression) CHECK((expression) == -1 && errno == (number))

static inline long make(unsigned flags) { return syscall(QUIRE_NR_create_mm, flags); }
static inline long indirect(int mm, const void* call, unsigned flags) {
  return syscall(QUIRE_NR_mm_indirect, mm, call, flags);
}
#define INDIRECT(mm, ...) indirect(mm, (const unsigned long[7]){__VA_ARGS__}, 0)
static inline long map_in(int mm, unsigned long at, unsigned long length, int prot) {
  return INDIRECT(mm, SYS_mmap, at, length, (unsigned long)prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                  -1ul, 0);
}
static inline long copy(long number, int mm, void* local, unsigned long remote, size_t n) {
  struct {
    void* base;
    size_t length;
  } l = {local, n}, r = {(void*)remote, n};
  return syscall(number, mm, &l, 1, &r, 1, 0);
}
static inline long get(int mm, void* to, unsigned long from, size_t n) {
  return copy(QUIRE_NR_mm_read, mm, to, from, n);
}
static inline long put(int mm, unsigned long to, const void* from, size_t n) {
  return copy(QUIRE_NR_mm_write, mm, (void*)from, to, n);
}
static inline long run(int mm, struct mm_context* c) { return syscall(QUIRE_NR_mm_run, mm, c, 0); }
static inline long map_from(int mm, unsigned long from, size_t length, int prot, int flags, void* at) {
  return syscall(QUIRE_NR_mm_map, mm, from, length, prot, flags, at);
}

enum { code_at = 0x30000000, code_size = 8192, stack_end = code_at + code_size };
static inline struct mm_context start(void) {
  struct mm_context c;
  memset(&c, 0, sizeof c);
  c.size = sizeof c;
  c.regs.rip = code_at;
  c.regs.rsp = stack_end;
  return c;
}
// A space that holds this code, which may be written, and a little stack.
static inline int space_with(const void* code, size_t n) {
  int mm = (int)make(0);
  CHECK(mm >= 0);
  CHECK(map_in(mm, code_at, code_size, PROT_READ | PROT_WRITE | PROT_EXEC) == code_at);
  CHECK(put(mm, code_at, code, n) == (long)n);
  return mm;
}
static inline int ended(void) {
  if (failures != 0) return 1;
  puts("checked");
  return 0;
}
// Natively: nothing there, and that is all there is to check.
static inline int only_native(void) {
  if (make(0) >= 0 || errno != ENOSYS) return 0;
  struct mm_context c = start();
  REFUSES(create_mm, ENOSYS, make(MM_CLONE));
  REFUSES(mm_indirect, ENOSYS, INDIRECT(0, SYS_getpid));
  REFUSES(mm_switch, ENOSYS, syscall(QUIRE_NR_mm_switch, 0));
  REFUSES(mm_run, ENOSYS, run(0, &c));
  REFUSES(mm_read, ENOSYS, get(0, &c, 0, 1));
  REFUSES(mm_write, ENOSYS, put(0, 0, &c, 1));
  REFUSES(mm_map, ENOSYS, map_from(0, 0, 4096, PROT_READ, 0, NULL));
  REFUSES(proc_mm, ENOENT, open("/proc/mm", O_WRONLY));
  return 1;
}
