// What a sandbox keeps in a guest's address space cannot be taken away, made writable or read into; nor
// does a call write where the guest itself may not. Natively there is nothing at those places.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int in_child(int (*body)(uint64_t), uint64_t at) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(5);
    _exit(body(at));
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The pages of a sandbox; calls must go on working whatever is tried on them.
static const uint64_t places[] = {0x7fffc0000000, 0x7fffc0001000, 0x7fffc0010000, 0x7fffc0100000,
                                  0x7fffc0200000, 0x7fffd0000000, 0x60000,        0x70000};

static int works(void) {
  for (int i = 0; i < 10; ++i)
    if (syscall(SYS_getppid) != getppid() || syscall(SYS_gettid) != getpid()) return 2;
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  int status = 1;
  return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 3;
}
static int unmap(uint64_t at) {
  munmap((void*)at, 4096);
  munmap((void*)(at & ~0xffffful), 1 << 20);
  return works();
}
static int protect(uint64_t at) {
  mprotect((void*)at, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
  mprotect((void*)at, 4096, PROT_NONE);
  return works();
}
static int map_over(uint64_t at) {
  mmap((void*)at, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mremap(page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, (void*)at);
  mremap((void*)at, 4096, 8192, MREMAP_MAYMOVE);
  remap_file_pages((void*)at, 4096, 0, 1, 0);
  return works();
}
static int advise(uint64_t at) {
  for (int advice = 0; advice < 26; ++advice) madvise((void*)at, 4096, advice);
  mlock((void*)at, 4096);
  msync((void*)at, 4096, MS_INVALIDATE);
  return works();
}
// read() into a place: EFAULT, or the place is the process's own (natively the stack may be there).
static int read_into(uint64_t at) {
  int zero = open("/dev/zero", O_RDONLY), pipes[2], sockets[2];
  ssize_t n = read(zero, (void*)at, 512);
  if (n >= 0 || errno != EFAULT) return 4;
  if (pipe(pipes) != 0 || write(pipes[1], "abcdefgh", 8) != 8) return 5;
  if (read(pipes[0], (void*)at, 8) != -1 || errno != EFAULT) return 6;
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) != 0 || send(sockets[1], "abcd", 4, 0) != 4) return 7;
  if (recv(sockets[0], (void*)at, 4, 0) != -1 || errno != EFAULT) return 8;
  struct iovec from = {"xyz", 3}, to = {(void*)at, 3};
  if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) != -1) return 9;
  if (syscall(SYS_clock_gettime, 1, at) != -1 || errno != EFAULT) return 10;
  if (syscall(SYS_getrandom, at, 16, 0) != -1 || errno != EFAULT) return 11;
  return works();
}

// read() where the guest itself may not write.
static int read_only_page(uint64_t unused) {
  (void)unused;
  char* p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(p, 7, 8192);
  mprotect(p, 4096, PROT_READ);
  int result = read_into((uint64_t)p);
  // Across the border: what fits is given, and the protected part stays.
  int zero = open("/dev/zero", O_RDONLY);
  mprotect(p, 8192, PROT_READ | PROT_WRITE);
  mprotect(p + 4096, 4096, PROT_READ);
  ssize_t n = read(zero, p + 4000, 200);
  if (n != 96 || p[4095] != 0 || p[4096] != 7) return 12;
  return result;
}
static int file_page(uint64_t unused) {
  (void)unused;
  int fd = open("/proc/self/exe", O_RDONLY);
  char* p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  int result = read_into((uint64_t)p);
  return result != 0 ? result : memcmp(p, "\177ELF", 4) == 0 ? 0 : 13;
}
__attribute__((noinline)) static long call_here(void) {
  long r;
  __asm__ volatile("mov $110,%%eax; syscall" : "=a"(r)::"rcx", "r11", "memory");
  return r;
}
static int patched_text(uint64_t unused) {
  (void)unused;
  unsigned char before[64], after[64];
  memcpy(before, (void*)call_here, sizeof before);
  for (int i = 0; i < 100; ++i)
    if (call_here() != getppid()) return 14;
  int result = read_into((uint64_t)call_here);
  if (result != 0) return result;
  // Read as a file, or by a call, the text is what the file says.
  int mem = open("/proc/self/mem", O_RDONLY);
  if (pread(mem, after, sizeof after, (off_t)(uint64_t)call_here) != sizeof after) return 15;
  return memcmp(before, after, sizeof before) == 0 ? 0 : 16;
}
static int vdso(uint64_t unused) {
  (void)unused;
  uint64_t at = getauxval(AT_SYSINFO_EHDR);
  if (at == 0) return 0;
  int result = read_into(at);
  struct timespec t;
  return result != 0 ? result : clock_gettime(CLOCK_MONOTONIC, &t);
}
static int cow_page(uint64_t unused) {
  (void)unused;
  char* p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(p, 'o', 8192);
  int go[2], done[2];
  if (pipe(go) != 0 || pipe(done) != 0) return 17;
  pid_t pid = fork();
  char c;
  if (pid == 0) {
    if (read(go[0], &c, 1) != 1) _exit(1);
    for (int i = 0; i < 8192; ++i)
      if (p[i] != 'o') _exit(2);
    // And the other way: what this child reads in stays its own.
    int zero = open("/dev/zero", O_RDONLY);
    if (read(zero, p + 4096, 4096) != 4096 || write(done[1], "x", 1) != 1) _exit(3);
    _exit(p[0] == 'o' && p[4096] == 0 ? 0 : 4);
  }
  if (write(done[1], "parent", 6) != 6 || read(done[0], p, 6) != 6) return 18;
  if (write(go[1], "x", 1) != 1 || read(done[0], &c, 1) != 1) return 19;
  int status = 0;
  waitpid(pid, &status, 0);
  return status == 0 && memcmp(p, "parentoo", 8) == 0 && p[4096] == 'o' ? 0 : 20;
}

int main(void) {
  struct {
    const char* name;
    int (*body)(uint64_t);
  } tries[] = {{"munmap", unmap},
               {"mprotect", protect},
               {"mmap over", map_over},
               {"madvise", advise},
               {"read into", read_into}},
    own[] = {{"read-only page", read_only_page},
             {"file page", file_page},
             {"patched text", patched_text},
             {"vdso", vdso},
             {"copy-on-write page", cow_page}};
  for (unsigned i = 0; i < sizeof tries / sizeof *tries; ++i)
    for (unsigned j = 0; j < sizeof places / sizeof *places; ++j)
      printf("%s %#lx: %d\n", tries[i].name, places[j], in_child(tries[i].body, places[j]));
  for (unsigned i = 0; i < sizeof own / sizeof *own; ++i)
    printf("%s: %d\n", own[i].name, in_child(own[i].body, 0));
  return 0;
}
