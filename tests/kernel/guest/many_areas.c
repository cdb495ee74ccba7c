// 65,000 areas, close to the limit on their number: forked, and written everywhere by both sides.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { areas = 65000, page = 4096 };

static long areas_of(const char* begin) {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[512];
  long n = 0;
  unsigned long from = 0, to = 0;
  if (maps == NULL) return -1;
  while (fgets(line, sizeof line, maps) != NULL)
    if (sscanf(line, "%lx-%lx", &from, &to) == 2 && from >= (unsigned long)begin &&
        to <= (unsigned long)begin + (unsigned long)areas * page)
      ++n;
  fclose(maps);
  return n;
}

static int wrong(const char* p, int even, int odd) {
  for (long i = 0; i < areas; ++i)
    if (p[i * page] != (char)(i % 2 ? odd : even) || p[i * page + page - 1] != (char)(i % 2 ? 0 : even))
      return 1;
  return 0;
}

static void write_even(char* p, int value) {
  for (long i = 0; i < areas; i += 2) p[i * page] = p[i * page + page - 1] = (char)value;
}

int main(void) {
  char* p = mmap(NULL, (size_t)areas * page, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return 1;
  for (long i = 1; i < areas; i += 2) p[i * page] = 7;
  for (long i = 1; i < areas; i += 2)
    if (mprotect(p + i * page, page, PROT_READ) != 0) {
      printf("mprotect %ld: %s\n", i, strerrorname_np(errno));
      return 1;
    }
  printf("areas %ld\n", areas_of(p));
  write_even(p, 1);
  const pid_t child = fork();
  if (child == 0) {
    if (wrong(p, 1, 7)) _exit(1);
    write_even(p, 2);
    _exit(wrong(p, 2, 7) ? 2 : 0);
  }
  write_even(p, 3);
  int status = 0;
  if (waitpid(child, &status, 0) != child) return 1;
  printf("child %d, parent's bytes %s\n", status, wrong(p, 3, 7) ? "wrong" : "right");
  // And the limit itself: more areas are refused, and what there is stays usable.
  long more = 0;
  char* q =
      mmap(NULL, (size_t)2 * areas * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (q == MAP_FAILED) return 1;
  for (; more < areas; ++more)
    if (mprotect(q + 2 * more * page, page, PROT_NONE) != 0) break;
  printf("refused: %s\n", more < areas ? strerrorname_np(errno) : "never");
  write_even(p, 4);
  printf("afterwards %s\n", wrong(p, 4, 7) ? "wrong" : "right");
  return 0;
}
