// What `./dev bench spaces` measures: one measurement a run, natively or under quire. Prints numbers, in
// microseconds unless it says otherwise. Static: start-up is its own.
//
//   spaces_guest exec COUNT        fork, exec of itself, wait: median
//   spaces_guest coprocess COUNT   create_mm, map, write code, first mm_run, close, in a row: median
//   spaces_guest idle COUNT        so many spaces that have each run once stay open; prints a line, waits for
//                                  one on standard input, runs each of them again
//   spaces_guest fork BYTES ROUNDS     fork of a process that has filled so much memory: median
//   spaces_guest clone BYTES ROUNDS    create_mm(MM_CLONE) of the same: median
//   spaces_guest map COUNT         mmap; the same by mm_indirect; the same in batches of 64: medians of each
//   spaces_guest run COUNT file|memory     an mm_run from one system call to the next, of code that is mapped
//                                  from a file, or written into memory: mean
//   spaces_guest ptrace COUNT [CPU]    PTRACE_SYSEMU, wait, GETREGS, SETREGS, child on CPU: mean
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <quire/mm.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { code_at = 0x400000, stack_at = 0x500000, stack_size = 65536, page = 4096 };
// add $1,%rbx ; mov %ebx,%eax ; syscall ; jmp to the start
static const unsigned char counting[] = {0x48, 0x83, 0xc3, 0x01, 0x89, 0xd8, 0x0f, 0x05, 0xeb, 0xf6};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}
static void die(const char* what) {
  fprintf(stderr, "spaces_guest: %s: %s\n", what, strerror(errno));
  if (errno == ENOSYS) fprintf(stderr, "spaces_guest: %s\n", quire_mm_hint());
  exit(2);
}
static int compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}
static double median(double* v, long n) {
  qsort(v, (size_t)n, sizeof *v, compare);
  return v[n / 2];
}
static double* room(long n) {
  if (n < 1) errno = EINVAL, die("count");
  double* v = calloc((size_t)n, sizeof *v);
  if (v == NULL) die("memory");
  return v;
}

static void exec_native(long n) {
  double* v = room(n);
  char* const argv[] = {(char*)"spaces_guest", (char*)"nothing", NULL};
  for (long i = 0; i < n; ++i) {
    double start = now();
    pid_t p = fork();
    if (p == 0) {
      execv("/proc/self/exe", argv);
      _exit(127);
    }
    int status = 0;
    if (p < 0 || waitpid(p, &status, 0) != p || status != 0) die("fork and exec");
    v[i] = now() - start;
  }
  printf("%.2f\n", median(v, n));
}

static int make_space(void) {
  int mm = create_mm(0);
  if (mm < 0) die("create_mm");
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (mm_mmap(mm, (void*)code_at, page, PROT_READ | PROT_EXEC | PROT_WRITE, flags, -1, 0) == MAP_FAILED ||
      mm_mmap(mm, (void*)stack_at, stack_size, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED)
    die("mm_mmap");
  struct iovec l = {(void*)counting, sizeof counting}, r = {(void*)code_at, sizeof counting};
  if (mm_write(mm, &l, 1, &r, 1, 0) != sizeof counting) die("mm_write");
  return mm;
}
static struct mm_context start_of(uint64_t count) {
  struct mm_context c = {.size = sizeof c};
  c.regs.rip = code_at;
  c.regs.rsp = stack_at + stack_size;
  c.regs.rbx = count;
  return c;
}
static void run_once(int mm, struct mm_context* c, uint64_t expected) {
  const int reason = mm_run(mm, c, 0);
  if (reason < 0) die("mm_run");
  if (reason == MM_EXIT_SYSCALL && c->regs.orig_rax == expected) return;
  fprintf(stderr, "spaces_guest: mm_run: reason %d, call %lu instead of %lu, at %#lx touching %#lx\n", reason,
          (unsigned long)c->regs.orig_rax, (unsigned long)expected, (unsigned long)c->regs.rip,
          (unsigned long)c->fault_address);
  exit(2);
}

static void coprocess(long n) {
  double* v = room(n);
  for (long i = 0; i < n; ++i) {
    double start = now();
    int mm = make_space();
    struct mm_context c = start_of(6);
    run_once(mm, &c, 7);
    close(mm);
    v[i] = now() - start;
  }
  printf("%.2f\n", median(v, n));
}

static void idle(long n) {
  int* mm = calloc((size_t)n, sizeof *mm);
  if (mm == NULL) die("memory");
  for (long i = 0; i < n; ++i) {
    mm[i] = make_space();
    struct mm_context c = start_of((uint64_t)i);
    run_once(mm[i], &c, (uint32_t)i + 1);
  }
  printf("ready\n");
  fflush(stdout);
  (void)getchar();
  for (long i = 0; i < n; ++i) {
    struct mm_context c = start_of((uint64_t)i + 1);
    run_once(mm[i], &c, (uint32_t)i + 2);
  }
  printf("again\n");
}

static char* fill(size_t bytes) {
  char* p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) die("mmap");
  for (size_t at = 0; at < bytes; at += page) p[at] = 1;
  return p;
}
static void copies(size_t bytes, long rounds, int clone) {
  double* v = room(rounds);
  char* p = fill(bytes);
  for (long i = 0; i < rounds; ++i) {
    // All of it is written between two copies, as a program at work would.
    for (size_t at = 0; at < bytes; at += page) p[at] = (char)i;
    double start = now();
    if (clone) {
      int mm = create_mm(MM_CLONE);
      v[i] = now() - start;
      if (mm < 0) die("create_mm");
      close(mm);
      continue;
    }
    pid_t child = fork();
    v[i] = now() - start;
    if (child == 0) _exit(0);
    if (child < 0 || waitpid(child, NULL, 0) != child) die("fork");
  }
  printf("%.2f\n", median(v, rounds));
}

// Each round maps `per_round` areas at addresses of their own, then takes them away in one go.
enum { per_round = 256, batch_size = 64, step = 16 * page };
static void maps(long rounds) {
  double *own = room(rounds), *indirect = room(rounds), *batched = room(rounds);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  int mm = make_space();
  char* base = mmap(NULL, per_round * step, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || munmap(base, per_round * step) != 0) die("mmap");
  static struct mm_call calls[batch_size];
  for (long r = 0; r < rounds; ++r) {
    double start = now();
    for (long i = 0; i < per_round; ++i)
      if (mmap(base + i * step, page, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) die("mmap");
    own[r] = (now() - start) / per_round;
    munmap(base, per_round * step);
    start = now();
    for (long i = 0; i < per_round; ++i) {
      const unsigned long call[7] = {SYS_mmap,
                                     (unsigned long)base + (unsigned long)i * step,
                                     page,
                                     PROT_READ | PROT_WRITE,
                                     (unsigned long)flags,
                                     (unsigned long)-1,
                                     0};
      if (mm_indirect(mm, call, 0) < 0) die("mm_indirect");
    }
    indirect[r] = (now() - start) / per_round;
    mm_munmap(mm, base, per_round * step);
    start = now();
    for (long i = 0; i < per_round; i += batch_size) {
      for (long k = 0; k < batch_size; ++k)
        calls[k] = (struct mm_call){{SYS_mmap, (uint64_t)base + (uint64_t)(i + k) * step, page,
                                     PROT_READ | PROT_WRITE, (uint64_t)flags, (uint64_t)-1, 0},
                                    0};
      struct mm_batch b = {.calls = (uint64_t)calls, .count = batch_size, .flags = MM_BATCH_STOP};
      if (mm_indirect_batch(mm, &b) != batch_size || calls[batch_size - 1].result < 0) die("MM_BATCH");
    }
    batched[r] = (now() - start) / per_round;
    mm_munmap(mm, base, per_round * step);
  }
  printf("%.3f %.3f %.3f\n", median(own, rounds), median(indirect, rounds), median(batched, rounds));
}

// A program's getpid, again and again, as it stands in a file of the host: here, in this one.
__asm__(".text; .balign 64; asking: add $1,%rbx; mov $39,%eax; syscall; jmp asking; .balign 64");
extern const char asking[], __executable_start[];
static void runs(long n, int from_file) {
  int mm = make_space();
  struct mm_context c = start_of(0);
  if (from_file) {
    const unsigned long at = (unsigned long)(asking - __executable_start);
    int file = open("/proc/self/exe", O_RDONLY);
    if (file < 0 || mm_mmap(mm, (void*)code_at, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file,
                            (off_t)(at & ~4095ul)) == MAP_FAILED)
      die("mapping the code");
    c.regs.rip += at & 4095;
    close(file);
  } else {
    struct iovec l = {(void*)asking, 64}, r = {(void*)code_at, 64};
    if (mm_write(mm, &l, 1, &r, 1, 0) != 64) die("mm_write");
  }
  double start = 0;
  const long warm = 500;
  for (long i = 0; i < warm + n; ++i) {
    if (i == warm) start = now();
    run_once(mm, &c, 39);
    if (c.regs.rbx != (uint64_t)i + 1) die("count");
  }
  printf("%.3f\n", (now() - start) / (double)n);
}

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) die("sched_setaffinity");
}
static void traced(long n, int cpu) {
  pid_t child = fork();
  if (child == 0) {
    if (cpu >= 0) pin(cpu);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(1);
    raise(SIGSTOP);
    for (long i = 1;; ++i) syscall(i & 0xffff);
  }
  if (child < 0) die("fork");
  if (cpu >= 0) pin(cpu == 0);
  int status;
  struct user_regs_struct regs;
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) die("the traced child");
  double start = 0;
  const long warm = 500;
  for (long i = 0; i < warm + n; ++i) {
    if (i == warm) start = now();
    if (ptrace(PTRACE_SYSEMU, child, NULL, NULL) != 0 || waitpid(child, &status, 0) != child ||
        !WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, child, NULL, &regs) != 0)
      die("ptrace");
    regs.rax = (unsigned long)i;
    if (ptrace(PTRACE_SETREGS, child, NULL, &regs) != 0) die("ptrace");
  }
  double took = (now() - start) / (double)n;
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  printf("%.3f\n", took);
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  const long a = argc > 2 ? atol(argv[2]) : 0, b = argc > 3 ? atol(argv[3]) : -1;
  if (strcmp(what, "nothing") == 0) return 0;
  if (strcmp(what, "exec") == 0)
    exec_native(a);
  else if (strcmp(what, "coprocess") == 0)
    coprocess(a);
  else if (strcmp(what, "idle") == 0)
    idle(a);
  else if (strcmp(what, "fork") == 0)
    copies((size_t)a, b, 0);
  else if (strcmp(what, "clone") == 0)
    copies((size_t)a, b, 1);
  else if (strcmp(what, "map") == 0)
    maps(a);
  else if (strcmp(what, "run") == 0)
    runs(a, argc > 3 && strcmp(argv[3], "file") == 0);
  else if (strcmp(what, "ptrace") == 0)
    traced(a, (int)b);
  else {
    fprintf(stderr, "usage: spaces_guest exec|coprocess|idle|fork|clone|map|run|ptrace COUNT...\n");
    return 2;
  }
  return 0;
}
