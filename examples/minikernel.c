// A miniature user-mode kernel: runs a static program (a busybox applet, say) in an address space of its
// own and serves its system calls itself. No ptrace, no fork.
//
// The guest's descriptors are ours, so most calls it may make are done by mm_indirect, which takes the
// addresses in the guest's space. What is not listed gets ENOSYS; files open read-only.
//
// usage: minikernel [-v] PROGRAM ARGS...        -v: print each call
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <quire/mm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { stack_size = 1 << 20 };
static const uint64_t stack_top = 0x7f0000000000;
static int mm = -1;
static uint64_t entry, headers, header_count, heap, heap_end;

static void die(const char* what) {
  fprintf(stderr, "minikernel: %s: %s\n", what, strerror(errno));
  if (errno == ENOSYS) fprintf(stderr, "minikernel: %s\n", quire_mm_hint());
  exit(125);
}
static void put(uint64_t to, const void* from, size_t n) {
  struct iovec l = {(void*)from, n}, r = {(void*)to, n};
  if (n != 0 && mm_write(mm, &l, 1, &r, 1, 0) != (ssize_t)n) die("mm_write");
}
static void map_zero(uint64_t from, uint64_t to, int prot) {
  if (to > from &&
      mm_mmap(mm, (void*)from, to - from, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    die("mapping the program");
}

static void load(const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0) die(path);
  const unsigned char* image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  const Elf64_Ehdr* h = (const Elf64_Ehdr*)image;
  if (image == MAP_FAILED || (size_t)st.st_size < sizeof *h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
      h->e_machine != EM_X86_64 || h->e_phoff + h->e_phnum * sizeof(Elf64_Phdr) > (size_t)st.st_size)
    errno = ENOEXEC, die(path);
  uint64_t base = h->e_type == ET_DYN ? 0x555555000000 : 0;
  const Elf64_Phdr* ph = (const Elf64_Phdr*)(image + h->e_phoff);
  for (int i = 0; i < h->e_phnum; ++i) {
    if (ph[i].p_type == PT_INTERP) errno = ENOEXEC, die("the program is not static");
    if (ph[i].p_type != PT_LOAD) continue;
    if (ph[i].p_offset > (uint64_t)st.st_size || ph[i].p_filesz > (uint64_t)st.st_size - ph[i].p_offset ||
        ph[i].p_filesz > ph[i].p_memsz || ph[i].p_memsz > 1ul << 30)
      errno = ENOEXEC, die(path);
    uint64_t at = base + ph[i].p_vaddr, from = at & ~4095ul, to = (at + ph[i].p_memsz + 4095) & ~4095ul;
    int prot = (ph[i].p_flags & PF_R ? PROT_READ : 0) | (ph[i].p_flags & PF_W ? PROT_WRITE : 0) |
               (ph[i].p_flags & PF_X ? PROT_EXEC : 0);
    map_zero(from, to, PROT_READ | PROT_WRITE);
    put(at, image + ph[i].p_offset, ph[i].p_filesz);
    if (mm_mprotect(mm, (void*)from, to - from, prot) != 0) die("mm_mprotect");
    if (ph[i].p_offset == 0) headers = at + h->e_phoff;
    if (to > heap) heap = to;
  }
  entry = base + h->e_entry;
  header_count = h->e_phnum;
  heap_end = heap;
  munmap((void*)image, (size_t)st.st_size);
  close(fd);
}

// argc, argv, envp, auxv as execve leaves them; returns the stack pointer.
static uint64_t build_stack(int argc, char** argv) {
  map_zero(stack_top - stack_size, stack_top, PROT_READ | PROT_WRITE);
  uint64_t at = stack_top - 64, words[64 + 64];
  unsigned n = 0;
  uint64_t where[64];
  if (argc > 64) errno = E2BIG, die("arguments");
  for (int i = 0; i < argc; ++i) {
    size_t length = strlen(argv[i]) + 1;
    at -= length;
    put(at, argv[i], length);
    where[i] = at;
  }
  static const char environment[] = "PATH=/bin";
  at -= sizeof environment;
  put(at, environment, sizeof environment);
  uint64_t env = at;
  at = (at - 16) & ~15ul;
  uint64_t random = at;
  put(random, "minikernel seed!", 16);
  words[n++] = (uint64_t)argc;
  for (int i = 0; i < argc; ++i) words[n++] = where[i];
  words[n++] = 0;
  words[n++] = env;
  words[n++] = 0;
  uint64_t aux[] = {AT_PHDR,   headers,
                    AT_PHENT,  sizeof(Elf64_Phdr),
                    AT_PHNUM,  header_count,
                    AT_PAGESZ, 4096,
                    AT_ENTRY,  entry,
                    AT_UID,    1000,
                    AT_EUID,   1000,
                    AT_GID,    1000,
                    AT_EGID,   1000,
                    AT_SECURE, 0,
                    AT_RANDOM, random,
                    AT_HWCAP,  getauxval(AT_HWCAP),
                    AT_NULL,   0};
  memcpy(&words[n], aux, sizeof aux);
  n += sizeof aux / sizeof *aux;
  at = (at - n * 8) & ~15ul;
  put(at, words, n * 8);
  return at;
}

// Carries the call out in the guest's address space.
static long pass(const struct mm_regs* r) {
  const unsigned long call[7] = {r->orig_rax, r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
  long result = mm_indirect(mm, call, 0);
  return result == -1 ? -errno : result;
}

static long serve(struct mm_regs* r) {
  switch (r->orig_rax) {
    case SYS_read:
    case SYS_pread64:
    case SYS_readv:
    case SYS_lseek:
    case SYS_fstat:
    case SYS_stat:
    case SYS_lstat:
    case SYS_newfstatat:
    case SYS_getdents64:
    case SYS_readlink:
    case SYS_close:
    case SYS_fcntl:
    case SYS_ioctl:
    case SYS_mmap:
    case SYS_munmap:
    case SYS_mprotect:
    case SYS_madvise:
    case SYS_uname:
    case SYS_getcwd:
    case SYS_access:
    case SYS_clock_gettime:
    case SYS_gettimeofday:
    case SYS_time:
    case SYS_nanosleep:
    case SYS_getrandom:
    case SYS_poll:
    case SYS_sysinfo:
    case SYS_getrlimit:
    case SYS_prlimit64:
    case SYS_statfs:
      return pass(r);
    case SYS_write:
    case SYS_writev:
      return r->rdi == 1 || r->rdi == 2 ? pass(r) : -EROFS;
    case SYS_open:
      return (r->rsi & O_ACCMODE) == O_RDONLY && (r->rsi & (O_CREAT | O_TRUNC)) == 0 ? pass(r) : -EROFS;
    case SYS_openat:
      return (r->rdx & O_ACCMODE) == O_RDONLY && (r->rdx & (O_CREAT | O_TRUNC)) == 0 ? pass(r) : -EROFS;
    case SYS_brk: {
      if (r->rdi < heap || r->rdi > heap + (256ul << 20)) return (long)heap_end;
      uint64_t old = (heap_end + 4095) & ~4095ul, end = (r->rdi + 4095) & ~4095ul;
      if (end > old)
        map_zero(old, end, PROT_READ | PROT_WRITE);
      else if (end < old && mm_munmap(mm, (void*)end, old - end) != 0)
        die("mm_munmap");
      heap_end = r->rdi;
      return (long)heap_end;
    }
    case SYS_arch_prctl:
      if (r->rdi != ARCH_SET_FS) return -EINVAL;
      r->fs_base = r->rsi;
      return 0;
    case SYS_getpid:
    case SYS_gettid:
    case SYS_set_tid_address:
      return 1;
    case SYS_getppid:
      return 0;
    case SYS_getuid:
    case SYS_geteuid:
    case SYS_getgid:
    case SYS_getegid:
      return 1000;
    case SYS_rt_sigaction:
    case SYS_rt_sigprocmask:
    case SYS_set_robust_list:
    case SYS_prctl:
      return 0;
    default:
      return -ENOSYS;
  }
}

int main(int argc, char** argv) {
  int verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
  argv += 1 + verbose, argc -= 1 + verbose;
  if (argc < 1) {
    fprintf(stderr, "usage: minikernel [-v] PROGRAM ARGS...\n");
    return 2;
  }
  mm = create_mm(0);
  if (mm < 0) die("create_mm");
  load(argv[0]);
  static unsigned char extended[16384] __attribute__((aligned(64)));  // zero: the initial state
  struct mm_context c = {.size = sizeof c, .xstate = (uint64_t)extended, .xstate_size = sizeof extended};
  c.regs.rsp = build_stack(argc, argv);
  c.regs.rip = entry;
  for (;;) {
    int reason = mm_run(mm, &c, 0);
    if (reason < 0) die("mm_run");
    if (reason == MM_EXIT_SIGNAL) continue;
    if (reason != MM_EXIT_SYSCALL) {
      fprintf(stderr, "minikernel: the program died at %#lx touching %#lx, signal %d\n",
              (unsigned long)c.regs.rip, (unsigned long)c.fault_address,
              reason == MM_EXIT_FAULT ? SIGSEGV : c.signal);
      return 128 + (reason == MM_EXIT_FAULT ? SIGSEGV : c.signal);
    }
    if (c.regs.orig_rax == SYS_exit || c.regs.orig_rax == SYS_exit_group) return (int)(c.regs.rdi & 0xff);
    long result = serve(&c.regs);
    if (verbose)
      fprintf(stderr, "call %lu(%#lx, %#lx, %#lx) = %ld\n", (unsigned long)c.regs.orig_rax,
              (unsigned long)c.regs.rdi, (unsigned long)c.regs.rsi, (unsigned long)c.regs.rdx, result);
    c.regs.rax = (uint64_t)result;
  }
}
