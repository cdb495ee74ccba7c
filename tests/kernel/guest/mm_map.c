// mm_map: memory of another address space in one's own, shared from then on.
#define _GNU_SOURCE
#include "spaces.h"

#include <sys/resource.h>
#include <sys/wait.h>

enum { page = 4096 };
static const unsigned long at = 0x10000000;
static const int rw = PROT_READ | PROT_WRITE;

// Adds one to the word at rdi and calls.
static const unsigned char adding[] = {0x48, 0xff, 0x07, 0x0f, 0x05, 0xeb, 0xf9};

int main(void) {
  if (only_native()) return ended();

  // What either side writes the other sees: the caller, code that runs there, calls made there.
  int mm = space_with(adding, sizeof adding);
  CHECK(map_in(mm, at, 4 * page, rw) == (long)at);
  CHECK(put(mm, at + page, "before", 7) == 7);
  volatile long* mine = (void*)map_from(mm, at, 4 * page, rw, 0, NULL);
  CHECK(mine != MAP_FAILED);
  CHECK(strcmp((char*)mine + page, "before") == 0);
  struct mm_context c = start();
  c.regs.rdi = at;
  for (long i = 1; i < 20; ++i) CHECK(run(mm, &c) == MM_EXIT_SYSCALL && mine[0] == i);
  mine[0] = 100;
  CHECK(run(mm, &c) == MM_EXIT_SYSCALL && mine[0] == 101);
  long word = 0;
  CHECK(get(mm, &word, at, 8) == 8 && word == 101);
  strcpy((char*)mine + 2 * page, "mine");
  char text[8];
  CHECK(get(mm, text, at + 2 * page, 5) == 5 && strcmp(text, "mine") == 0);

  // Still shared after fork, and after a copy of that address space.
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    mine[1] = 7;
    _exit(0);
  }
  CHECK(waitpid(child, NULL, 0) == child && mine[1] == 7);
  int twin = (int)INDIRECT(mm, QUIRE_NR_create_mm, MM_CLONE);
  CHECK(twin >= 0);
  word = 8;
  CHECK(put(twin, at + 16, &word, 8) == 8 && mine[2] == 8);

  // A copy made before keeps its own; so does what lies beside the range.
  int other = (int)make(0);
  CHECK(map_in(other, at, 8 * page, rw) == (long)at);
  for (long i = 0; i < 8; ++i) CHECK(put(other, at + (unsigned long)i * page, &i, 8) == 8);
  int before = (int)INDIRECT(other, QUIRE_NR_create_mm, MM_CLONE);
  volatile long* part = (void*)map_from(other, at + 2 * page, 3 * page, rw, 0, NULL);
  CHECK(part != MAP_FAILED && part[0] == 2 && part[page / 8] == 3);
  part[0] = 50;
  CHECK(get(other, &word, at + 2 * page, 8) == 8 && word == 50);
  CHECK(get(before, &word, at + 2 * page, 8) == 8 && word == 2);
  word = 60;
  CHECK(put(before, at + 3 * page, &word, 8) == 8 && part[page / 8] == 3);
  int after = (int)INDIRECT(other, QUIRE_NR_create_mm, MM_CLONE);
  word = 70;
  CHECK(put(after, at + page, &word, 8) == 8 && get(other, &word, at + page, 8) == 8 && word == 1);

  // The caller's own memory, by a copy of it.
  static long own[1024] __attribute__((aligned(4096)));
  own[0] = 5;
  int clone = (int)make(MM_CLONE);
  volatile long* its = (void*)map_from(clone, (unsigned long)own, page, rw, 0, NULL);
  CHECK(its != MAP_FAILED && its[0] == 5);
  its[0] = 6;
  CHECK(own[0] == 5);

  // Rights: whatever the memory has there now, the descriptor gives all; a file its own.
  CHECK(INDIRECT(other, SYS_mprotect, at + 5 * page, page, PROT_NONE) == 0);
  CHECK(INDIRECT(other, SYS_mprotect, at + 6 * page, page, PROT_READ) == 0);
  volatile long* three = (void*)map_from(other, at + 5 * page, 3 * page, rw, MAP_POPULATE, NULL);
  CHECK(three != MAP_FAILED && three[0] == 5 && three[page / 8] == 6 && three[2 * page / 8] == 7);
  three[page / 8] = 66;
  CHECK(get(other, &word, at + 6 * page, 8) == 8 && word == 66);
  CHECK(get(other, &word, at + 5 * page, 8) == -1);  // it still may not be read there

  // Files: a private mapping becomes memory of its own, a shared one stays the file's.
  int file = (int)syscall(SYS_memfd_create, "mm_map", 0);
  CHECK(ftruncate(file, 2 * page) == 0 && pwrite(file, "file", 5, 0) == 5);
  CHECK(INDIRECT(other, SYS_mmap, at + 16 * page, 2 * page, (unsigned long)rw, MAP_PRIVATE | MAP_FIXED,
                 (unsigned long)file, 0) == (long)(at + 16 * page));
  CHECK(put(other, at + 17 * page, "changed", 8) == 8);
  char* private = (char*)map_from(other, at + 16 * page, 2 * page, rw, 0, NULL);
  CHECK(private != MAP_FAILED && strcmp(private, "file") == 0 && strcmp(private + page, "changed") == 0);
  strcpy(private, "mapped");
  CHECK(get(other, text, at + 16 * page, 7) == 7 && strcmp(text, "mapped") == 0);
  CHECK(pread(file, text, 5, 0) == 5 && strcmp(text, "file") == 0);
  CHECK(INDIRECT(other, SYS_mmap, at + 20 * page, page, (unsigned long)rw, MAP_SHARED | MAP_FIXED,
                 (unsigned long)file, 0) == (long)(at + 20 * page));
  char* shared = (char*)map_from(other, at + 20 * page, page, rw, 0, NULL);
  CHECK(shared != MAP_FAILED);
  strcpy(shared, "all");
  CHECK(pread(file, text, 4, 0) == 4 && strcmp(text, "all") == 0);

  // A program's text, in several areas at once, with the rest of its image.
  extern const char __executable_start[], etext[];
  unsigned long text_begin = (unsigned long)__executable_start & ~4095ul;
  unsigned long text_length = ((unsigned long)etext - text_begin + 4095) & ~4095ul;
  char* image = (char*)map_from(clone, text_begin, text_length, PROT_READ, 0, NULL);
  CHECK(image != MAP_FAILED && memcmp(image, __executable_start, 64) == 0);
  CHECK(memcmp(image + text_length - 256, (char*)text_begin + text_length - 256,
               (unsigned long)etext - (text_begin + text_length - 256)) == 0);

  // Where it goes.
  char* place = mmap(NULL, 4 * page, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(place, "old");
  REFUSES(mm_map, EEXIST, map_from(mm, at, page, rw, MAP_FIXED_NOREPLACE, place));
  CHECK(strcmp(place, "old") == 0);
  CHECK(map_from(mm, at, page, rw, MAP_FIXED, place) == (long)place && *(long*)place == 101);
  CHECK(munmap(place, 4 * page) == 0);
  CHECK(map_from(mm, at, page, rw, MAP_FIXED_NOREPLACE, place) == (long)place);
  CHECK(map_from(mm, at, page, PROT_READ, 0, place + 2 * page) == (long)place + 2 * page);  // a hint
  // Into a third address space.
  unsigned long into = 0x20000000;
  CHECK(INDIRECT(twin, QUIRE_NR_mm_map, (unsigned long)other, at, page, (unsigned long)rw, MAP_FIXED, into) ==
        (long)into);
  CHECK(get(twin, &word, into, 8) == 8 && word == 0);
  word = 9;
  CHECK(put(twin, into, &word, 8) == 8 && get(other, &word, at, 8) == 8 && word == 9);

  // Huge pages, where the pool has any.
  int pool = open("/proc/sys/vm/nr_hugepages", O_RDWR);
  if (pool >= 0 && write(pool, "4", 1) == 1) {
    const unsigned long huge = 2ul << 20, huge_at = 0x40000000;
    if (INDIRECT(other, SYS_mmap, huge_at, 2 * huge, (unsigned long)rw,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB, -1ul, 0) == (long)huge_at) {
      word = 12;
      CHECK(put(other, huge_at, &word, 8) == 8);
      REFUSES(mm_map, EINVAL, map_from(other, huge_at + page, page, rw, 0, NULL));
      volatile long* big = (void*)map_from(other, huge_at, 2 * huge, rw, 0, NULL);
      CHECK(big != MAP_FAILED && ((unsigned long)big & (huge - 1)) == 0 && big[0] == 12);
      if (big != MAP_FAILED) {
        big[huge / 8] = 13;
        CHECK(get(other, &word, huge_at + huge, 8) == 8 && word == 13);
      }
    }
  }

  // Errors.
  REFUSES(mm_map, EBADF, map_from(0, at, page, rw, 0, NULL));
  REFUSES(mm_map, EBADF, map_from(999, at, page, rw, 0, NULL));
  REFUSES(mm_map, EINVAL, map_from(mm, at + 1, page, rw, 0, NULL));
  REFUSES(mm_map, EINVAL, map_from(mm, at, 0, rw, 0, NULL));
  REFUSES(mm_map, EINVAL, map_from(mm, at, 1ul << 48, rw, 0, NULL));
  REFUSES(mm_map, EINVAL, map_from(mm, at, page, 16, 0, NULL));
  REFUSES(mm_map, EINVAL, map_from(mm, at, page, rw, MAP_PRIVATE, NULL));
  REFUSES(mm_map, EINVAL, map_from(mm, at, page, rw, MAP_FIXED, place + 1));
  REFUSES(mm_map, EFAULT, map_from(mm, 0x900000000, page, rw, 0, NULL));
  REFUSES(mm_map, EFAULT, map_from(mm, at, 64 * page, rw, 0, NULL));  // its end is not mapped
  CHECK(ftruncate(file, page) == 0);
  CHECK(INDIRECT(other, SYS_mmap, at + 24 * page, 2 * page, PROT_READ, MAP_PRIVATE | MAP_FIXED,
                 (unsigned long)file, 0) == (long)(at + 24 * page));
  REFUSES(mm_map, EFAULT, map_from(other, at + 24 * page, 2 * page, rw, 0, NULL));  // beyond the file's end
  REFUSES(mm_map, EPERM, map_from(mm, at, page, rw, MAP_FIXED, (void*)page));
  REFUSES(mm_map, ENOMEM, map_from(mm, at, page, rw, MAP_FIXED, (void*)(1ul << 47)));
  int read_only = open("/proc/self/exe", O_RDONLY);
  CHECK(INDIRECT(other, SYS_mmap, at + 28 * page, page, PROT_READ, MAP_SHARED | MAP_FIXED,
                 (unsigned long)read_only, 0) == (long)(at + 28 * page));
  REFUSES(mm_map, EACCES, map_from(other, at + 28 * page, page, rw, 0, NULL));
  CHECK(map_from(other, at + 28 * page, page, PROT_READ, 0, NULL) != -1);
  return ended();
}
