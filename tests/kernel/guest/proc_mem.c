// /proc/self/mem and its friends: they reach what the process has, and nothing of anybody else.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char* result(long r) { return r < 0 ? strerrorname_np(errno) : "ok"; }

int main(void) {
  int mem = open("/proc/self/mem", O_RDWR);
  printf("open: %s\n", result(mem));
  static char data[4096] __attribute__((aligned(4096)));
  strcpy(data, "before");
  printf("write own: %s, %s\n", result(pwrite(mem, "after!", 6, (off_t)(uintptr_t)data)), data);
  mprotect(data, 4096, PROT_READ);
  printf("write past the protection: %s, %s\n", result(pwrite(mem, "forced", 6, (off_t)(uintptr_t)data)),
         data);

  // A private mapping of a file: the write stays in this process.
  char name[] = "/tmp/quire-test-mem-XXXXXX";
  int fd = mkstemp(name);
  if (fd < 0 || write(fd, "file text", 9) != 9) return 2;
  char* p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  char* s = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  printf("write to a private file page: %s, %.9s\n", result(pwrite(mem, "mine", 4, (off_t)(uintptr_t)p)), p);
  char text[10] = {0};
  printf("the file: %s %s, shared: %.9s\n", result(pread(fd, text, 9, 0)), text, s);
  int ro = open(name, O_RDONLY);
  char* other = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
  printf("write to a read-only shared page: %s, %.9s\n",
         pwrite(mem, "zzzz", 4, (off_t)(uintptr_t)other) < 0 ? "refused" : "ok", other);
  unlink(name);

  // Own text: what is written is seen, and by no other process.
  unsigned char byte = 0x90, old;
  uintptr_t code = (uintptr_t)&result;
  if (pread(mem, &old, 1, (off_t)code) != 1) return 3;
  printf("write to text: %s\n", result(pwrite(mem, &byte, 1, (off_t)code)));
  if (pwrite(mem, &old, 1, (off_t)code) != 1) return 4;

  char buffer[16];
  printf("read a hole: %s\n", result(pread(mem, buffer, 8, 0x1000)));
  printf("write a hole: %s\n", result(pwrite(mem, buffer, 8, 0x1000)));
  printf("read beyond: %s\n", result(pread(mem, buffer, 8, (off_t)0x7ffffffffff0)));
  // Where a sandbox keeps its own.
  const uint64_t places[] = {0x7fffc0000000, 0x7fffc0010000, 0x7fffd0000000, 0x60000};
  int refused = 0;
  for (int i = 0; i < 4; ++i) refused += pwrite(mem, buffer, 8, (off_t)places[i]) < 0;
  printf("sandbox pages refused: %s\n", refused >= 3 ? "yes" : "no");

  // Another process: killed ones and those of others.
  pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  int child = open(path, O_RDWR);
  char seen[8] = {0};
  printf("a child's memory: %s %s %.6s\n", result(child),
         result(pread(child, seen, 6, (off_t)(uintptr_t)data)), seen);
  kill(pid, 9);
  waitpid(pid, NULL, 0);
  printf("once dead: %zd\n", pread(child, seen, 6, (off_t)(uintptr_t)data));

  const char* closed[] = {"/proc/sysrq-trigger", "/proc/kcore", "/proc/kmem",      "/dev/mem",
                          "/dev/kmem",           "/dev/port",   "/proc/kallsyms-x"};
  for (unsigned i = 0; i < sizeof closed / sizeof *closed; ++i) {
    int f = open(closed[i], O_WRONLY);
    ssize_t n = f < 0 ? -1 : 0;
    if (f >= 0) close(f);
    (void)n;
  }
  struct stat root, self;
  printf("root is root: %d\n",
         stat("/", &root) == 0 && stat("/proc/self/root/", &self) == 0 && root.st_ino == self.st_ino);
  printf("up from root: %d\n", stat("/proc/self/root/../..", &self) == 0 && root.st_ino == self.st_ino);
  char cwd[4096], link[4096];
  ssize_t n = readlink("/proc/self/cwd", link, sizeof link - 1);
  link[n < 0 ? 0 : n] = 0;
  printf("cwd: %d\n", getcwd(cwd, sizeof cwd) != NULL && strcmp(cwd, link) == 0);
  return 0;
}
