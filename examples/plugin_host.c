// An untrusted plug-in, called like a function, in an address space of its own.
//
// The plug-in is a freestanding ELF program (examples/plugin.c). It sees its own code, a stack, and one
// buffer that it has in common with the host (mm_map); it can reach nothing else, and none of its system
// calls is executed. A call costs one mm_run, with nothing to copy.
//
// usage: plugin_host PLUGIN FUNCTION TEXT      FUNCTION: rot13, crash, escape, spin; bench: calls a second
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <quire/mm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
  stack_at = 0x40000000,
  stack_size = 65536,
  buffer_at = 0x50000000,
  buffer_size = 65536,
  gate_at = 0x60000000,
  page = 4096
};

struct plugin {
  int mm;
  uint64_t entry;
  char* buffer;         // the plug-in's, as the host sees it. While it runs it may change at any time.
  uint64_t* stack_top;  // its last page
};

static int fail(const char* what) {
  fprintf(stderr, "plugin_host: %s: %s\n", what, strerror(errno));
  if (errno == ENOSYS) fprintf(stderr, "plugin_host: %s\n", quire_mm_hint());
  return -1;
}

// Only for loading: what a call needs is mapped.
static int put(int mm, uint64_t to, const void* from, size_t n) {
  struct iovec l = {(void*)from, n}, r = {(void*)to, n};
  return mm_write(mm, &l, 1, &r, 1, 0) == (ssize_t)n ? 0 : -1;
}

// Loads the program's segments. The file is untrusted: every offset is checked.
static int load(struct plugin* p, const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0) return fail(path);
  size_t size = (size_t)st.st_size;
  const unsigned char* image = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  const Elf64_Ehdr* h = (const Elf64_Ehdr*)image;
  if (image == MAP_FAILED || size < sizeof *h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
      h->e_type != ET_EXEC || h->e_phoff > size || (size - h->e_phoff) / sizeof(Elf64_Phdr) < h->e_phnum)
    return errno = ENOEXEC, fail(path);
  const Elf64_Phdr* ph = (const Elf64_Phdr*)(image + h->e_phoff);
  for (int i = 0; i < h->e_phnum; ++i) {
    if (ph[i].p_type != PT_LOAD) continue;
    if (ph[i].p_filesz > ph[i].p_memsz || ph[i].p_offset > size || ph[i].p_filesz > size - ph[i].p_offset ||
        ph[i].p_memsz > 16 << 20 || ph[i].p_vaddr >= stack_at || ph[i].p_vaddr + ph[i].p_memsz > stack_at)
      return errno = ENOEXEC, fail(path);
    uint64_t from = ph[i].p_vaddr & ~4095ul, to = (ph[i].p_vaddr + ph[i].p_memsz + 4095) & ~4095ul;
    int prot = (ph[i].p_flags & PF_R ? PROT_READ : 0) | (ph[i].p_flags & PF_W ? PROT_WRITE : 0) |
               (ph[i].p_flags & PF_X ? PROT_EXEC : 0);
    if (mm_mmap(p->mm, (void*)from, to - from, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ||
        put(p->mm, ph[i].p_vaddr, image + ph[i].p_offset, ph[i].p_filesz) != 0 ||
        mm_mprotect(p->mm, (void*)from, to - from, prot) != 0)
      return fail("loading a segment");
  }
  p->entry = h->e_entry;
  munmap((void*)image, size);
  return 0;
}

static int open_plugin(struct plugin* p, const char* path) {
  static const unsigned char gate[] = {0x0f, 0x05, 0xf4};  // syscall; hlt: where the plug-in returns to
  p->mm = create_mm(0);
  if (p->mm < 0) return fail("create_mm");
  if (load(p, path) != 0) return -1;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (mm_mmap(p->mm, (void*)stack_at, stack_size, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ||
      mm_mmap(p->mm, (void*)buffer_at, buffer_size, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ||
      mm_mmap(p->mm, (void*)gate_at, 4096, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ||
      put(p->mm, gate_at, gate, sizeof gate) != 0 ||
      mm_mprotect(p->mm, (void*)gate_at, 4096, PROT_READ | PROT_EXEC) != 0)
    return fail("mapping the plug-in's memory");
  void* top = mm_map(p->mm, (void*)(stack_at + stack_size - page), page, PROT_READ | PROT_WRITE, 0, NULL);
  void* buffer = mm_map(p->mm, (void*)buffer_at, buffer_size, PROT_READ | PROT_WRITE, 0, NULL);
  if (top == MAP_FAILED || buffer == MAP_FAILED) return fail("mm_map");
  p->stack_top = top;
  p->buffer = buffer;
  return 0;
}

// Calls the plug-in: its function number and the length of what lies in the buffer. Returns 0 and the
// result, or -1 with a line about what it did instead.
static int call(struct plugin* p, long function, long length, long* result) {
  struct mm_context c = {.size = sizeof c};
  const uint64_t sp = stack_at + stack_size - 64 - 8;  // as after a call instruction
  p->stack_top[page / 8 - 9] = gate_at;                // the return address
  c.regs.rip = p->entry;
  c.regs.rsp = sp;
  c.regs.rdi = (uint64_t)function;
  c.regs.rsi = buffer_at;
  c.regs.rdx = (uint64_t)length;
  int reason = mm_run(p->mm, &c, 0);
  switch (reason) {
    case MM_EXIT_SYSCALL:
      if (c.regs.rip == gate_at + 2) {
        *result = (long)c.regs.rax;
        return 0;
      }
      fprintf(stderr, "the plug-in tried system call %ld; refused\n", (long)c.regs.orig_rax);
      return -1;
    case MM_EXIT_FAULT:
      fprintf(stderr, "the plug-in touched %#lx\n", (unsigned long)c.fault_address);
      return -1;
    case MM_EXIT_EXCEPTION:
      fprintf(stderr, "the plug-in raised signal %d\n", c.signal);
      return -1;
    case MM_EXIT_SIGNAL:
      fprintf(stderr, "the plug-in took too long\n");
      return -1;
    default:
      return fail("mm_run");
  }
}

static void on_alarm(int s) { (void)s; }

int main(int argc, char** argv) {
  const char* names[] = {"rot13", "crash", "escape", "spin", NULL};
  int function = 0;
  if (argc != 4) {
    fprintf(stderr, "usage: plugin_host PLUGIN rot13|crash|escape|spin|bench TEXT\n");
    return 2;
  }
  static struct plugin p;
  if (open_plugin(&p, argv[1]) != 0) return 1;
  struct sigaction act = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &act, NULL);
  size_t length = strnlen(argv[3], buffer_size - 1);
  memcpy(p.buffer, argv[3], length + 1);
  long result = 0;
  if (strcmp(argv[2], "bench") == 0) {
    struct timespec a, b;
    long calls = 20000;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (long i = 0; i < calls; ++i)
      if (call(&p, 0, 1, &result) != 0) return 1;
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%.0f\n",
           (double)calls / ((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9));
    return 0;
  }
  while (names[function] != NULL && strcmp(names[function], argv[2]) != 0) ++function;
  struct itimerval limit = {{0, 0}, {0, 200000}};
  setitimer(ITIMER_REAL, &limit, NULL);
  if (call(&p, function, (long)length, &result) != 0) return 3;
  printf("%ld: %.*s\n", result, (int)length, p.buffer);
  return 0;
}
