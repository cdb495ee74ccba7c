// What the pages about create_mm, mm_indirect, mm_switch, mm_run, mm_read and mm_write promise: each flag and
// error, interrupted calls, futexes, what mm_switch drops, descriptors.
#define _GNU_SOURCE
#include "spaces.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

static const int rw = PROT_READ | PROT_WRITE;
static const unsigned long at = 0x10000000;
static const unsigned char calling[] = {0x0f, 0x05, 0xeb, 0xfc};  // syscall ; jmp back
static const unsigned char storing[] = {0x48, 0x89, 0x07};        // mov %rax,(%rdi)
static const unsigned char spinning[] = {0xeb, 0xfe};

static volatile sig_atomic_t alarms;
static void on_alarm(int s) {
  (void)s;
  ++alarms;
}
static void set_handler(int flags) {
  struct sigaction a = {.sa_handler = on_alarm, .sa_flags = flags};
  sigaction(SIGALRM, &a, NULL);
}
// All children have ended, and so send no more signals: one of theirs may interrupt the wait itself.
static void reap(void) {
  while (wait(NULL) > 0 || errno == EINTR) {
  }
}
static void alarm_in_ms(long ms) {
  // A child that signals: an interval timer that comes before the call would be lost.
  pid_t me = getpid();
  if (fork() == 0) {
    for (int i = 0; i < 4; ++i) {
      usleep((unsigned)ms * 1000);
      kill(me, SIGALRM);
    }
    _exit(0);
  }
}

static int mm, pipes[2];
static void* late_writer(void* unused) {
  (void)unused;
  usleep(400000);
  if (write(pipes[1], "late", 4) != 4) abort();
  return NULL;
}
static void* waiter(void* woken) {
  if (INDIRECT(mm, SYS_futex, at, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0) == 0)
    __atomic_store_n((int*)woken, 1, __ATOMIC_SEQ_CST);
  return NULL;
}
static int in_child(int (*body)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(50);
    _exit(body());
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define IN_CHILD(body)                                    \
  do {                                                    \
    int r = in_child(body);                               \
    if (r != 0) printf("%s: %d\n", #body, r), ++failures; \
  } while (0)

static int many_descriptors(void) {
  struct rlimit few = {16, 16};
  if (setrlimit(RLIMIT_NOFILE, &few) != 0) return 3;
  for (int i = 0; i < 20; ++i)
    if (make(0) < 0) {
      REFUSES(create_mm, EMFILE, make(0));
      REFUSES(create_mm, EMFILE, make(MM_CLONE));
      return failures;
    }
  return 4;
}

// What a thread leaves behind when it goes elsewhere.
static struct {
  void* head;
  long offset;
  void* pending;
} robust = {&robust, 0, NULL};
static int* cleared;
static inline long raw(long number, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}
// Into a copy of the present address space. No function call may lie in between: the copy's stack is that of
// the moment it was made. Elsewhere the descriptor is told to whoever looks at `told`.
static inline long enter_copy(volatile long* told) {
  long fd = raw(QUIRE_NR_create_mm, MM_CLONE, 0, 0);
  if (told != NULL) *told = fd;
  return raw(QUIRE_NR_mm_switch, fd, 0, 0);
}
static int switched(void* unused) {
  (void)unused;
  syscall(SYS_set_robust_list, &robust, sizeof robust);
  if (enter_copy(NULL) != 0) return 1;
  void* head = &head;
  size_t length = 0;
  if (syscall(SYS_get_robust_list, 0, &head, &length) != 0 || head != NULL) return 2;
  stack_t s;
  if (sigaltstack(NULL, &s) != 0 || (s.ss_flags & SS_DISABLE) == 0) return 3;
  return 0;
}
static int clear_child_tid(void) {
  // The word is shared memory at the same address on both sides: dropped, it is not cleared at exit.
  cleared = mmap(NULL, 4096, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  char* stack = mmap(NULL, 65536, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  cleared[0] = 7;
  int pid = clone(switched, stack + 65536, CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL, &cleared[0]);
  int status;
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return 10;
  if (WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
  return cleared[0] == 7 ? 0 : 11;
}
static int vfork_goes_on(void) {
  // A vfork child that enters another address space has let go of its parent's.
  static int fds[2];
  if (pipe(fds) != 0) return 1;
  pid_t child = vfork();
  if (child == 0) {
    if (enter_copy(NULL) != 0) raw(SYS_exit_group, 1, 0, 0);
    static char c;
    raw(SYS_exit_group, raw(SYS_read, fds[0], (long)&c, 1) == 1 ? 5 : 2, 0, 0);
  }
  if (write(fds[1], "g", 1) != 1) return 2;  // never reached while the child holds us up
  int status;
  if (waitpid(child, &status, 0) != child) return 3;
  return WIFEXITED(status) && WEXITSTATUS(status) == 5 ? 0 : 4;
}
// Only the calling thread moves: from then on its memory is another one's.
static volatile int ours;
static volatile long copy_of_ours;
static void* mover(void* unused) {
  (void)unused;
  if (enter_copy(&copy_of_ours) != 0) return NULL;
  ours = 3;
  // Not through the C library: the rest of the process is elsewhere.
  raw(SYS_exit, 0, 0, 0);
  return NULL;
}
static int other_threads_stay(void) {
  ours = 1;
  pthread_t thread;
  if (pthread_create(&thread, NULL, mover, NULL) != 0) return 1;
  int seen = 0;
  for (int i = 0; i < 1000 && seen != 3; ++i) {
    usleep(10000);
    if (copy_of_ours != 0 && get((int)copy_of_ours, &seen, (unsigned long)&ours, sizeof seen) != sizeof seen)
      return 2;
  }
  return seen == 3 && ours == 1 ? 0 : 3;
}
static int exec_closes(void) {
  int fd = (int)make(0);
  char number[16];
  snprintf(number, sizeof number, "%d", fd);
  execl("/proc/self/exe", "mm_contract", "is-closed", number, (char*)NULL);
  return 9;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "is-closed") == 0) return fcntl(atoi(argv[2]), F_GETFD) == -1 ? 0 : 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (only_native()) return ended();

  // create_mm
  REFUSES(create_mm, EINVAL, make(2));
  REFUSES(create_mm, EINVAL, make(0x80000000));
  IN_CHILD(many_descriptors);
  IN_CHILD(exec_closes);
  mm = space_with(calling, sizeof calling);
  int fd = dup(mm);  // another descriptor of the same space
  CHECK(map_in(fd, at, 8192, rw) == (long)at && put(mm, at, "here", 5) == 5);
  char text[64];
  CHECK(get(fd, text, at, 5) == 5 && strcmp(text, "here") == 0);
  CHECK(close(fd) == 0);
  // A copy of another one, through mm_indirect.
  int twin = (int)INDIRECT(mm, QUIRE_NR_create_mm, MM_CLONE);
  CHECK(twin >= 0 && (fcntl(twin, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(put(twin, at, "twin", 5) == 5 && get(mm, text, at, 5) == 5 && strcmp(text, "here") == 0);
  struct mm_context c = start();
  CHECK(run(twin, &c) == MM_EXIT_SYSCALL);
  close(twin);

  // To another process, which goes on with it when we have closed it.
  int sockets[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    close(mm);
    close(sockets[0]);
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec one = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(sockets[1], &m, 0) != 1 || CMSG_FIRSTHDR(&m) == NULL) _exit(1);
    int got;
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof got);
    if (recv(sockets[1], &byte, 1, 0) != 0) _exit(2);  // the sender has gone
    struct mm_context x = start();
    if (run(got, &x) != MM_EXIT_SYSCALL) _exit(3);
    _exit(get(got, text, at, 5) == 5 && strcmp(text, "sent") == 0 ? 6 : 4);
  }
  close(sockets[1]);
  int sent = space_with(calling, sizeof calling);
  CHECK(map_in(sent, at, 8192, rw) == (long)at && put(sent, at, "sent", 5) == 5);
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec one = {text, 1};
  struct msghdr m = {
      .msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  *CMSG_FIRSTHDR(&m) =
      (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &sent, sizeof sent);
  CHECK(sendmsg(sockets[0], &m, 0) == 1);
  close(sent);
  close(sockets[0]);
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 6);

  // mm_indirect
  REFUSES(mm_indirect, EBADF, INDIRECT(999, SYS_getpid));
  REFUSES(mm_indirect, EBADF, INDIRECT(1, SYS_getpid));
  REFUSES(mm_indirect, EINVAL, indirect(mm, (const unsigned long[7]){SYS_getpid}, 2));
  REFUSES(mm_indirect, EFAULT, indirect(mm, (void*)8, 0));
  REFUSES(mm_indirect, EINVAL, INDIRECT(mm, SYS_execve, at, 0, 0));
  REFUSES(mm_indirect, ENOSYS, INDIRECT(mm, 9999));
  CHECK(INDIRECT(mm, SYS_brk, 0) == 0);  // an empty space has no heap
  CHECK(INDIRECT(mm, SYS_brk, at) == 0);
  struct mm_call calls[3] = {
      {.call = {SYS_getpid}}, {.call = {SYS_exit_group, 3}}, {.call = {SYS_write, 1, 8, 8}}};
  struct mm_batch b = {.calls = (unsigned long)calls, .count = 3};
  CHECK(indirect(mm, &b, MM_BATCH) == 3 && calls[1].result == -EINVAL && calls[2].result == -EFAULT);
  b.flags = MM_BATCH_STOP;
  CHECK(indirect(mm, &b, MM_BATCH) == 2 && b.done == 2);
  b.count = 0;
  CHECK(indirect(mm, &b, MM_BATCH) == 0 && b.done == 0);
  b.flags = 2;
  REFUSES(mm_indirect, EINVAL, indirect(mm, &b, MM_BATCH));
  b.flags = 0;
  b.reserved = 1;
  REFUSES(mm_indirect, EINVAL, indirect(mm, &b, MM_BATCH));
  b.reserved = 0;
  b.count = 1025;
  REFUSES(mm_indirect, EINVAL, indirect(mm, &b, MM_BATCH));
  b.count = 3;
  b.calls = 8;
  REFUSES(mm_indirect, EFAULT, indirect(mm, &b, MM_BATCH));
  REFUSES(mm_indirect, EFAULT, indirect(mm, (void*)8, MM_BATCH));

  // Interrupted, it starts again as a whole with SA_RESTART, and fails without.
  CHECK(pipe(pipes) == 0);
  pthread_t thread;
  set_handler(SA_RESTART);
  CHECK(pthread_create(&thread, NULL, late_writer, NULL) == 0);
  alarm_in_ms(50);
  CHECK(INDIRECT(mm, SYS_read, (unsigned long)pipes[0], at, 16) == 4 && get(mm, text, at, 4) == 4 &&
        memcmp(text, "late", 4) == 0);
  CHECK(alarms > 0);
  pthread_join(thread, NULL);
  struct timespec pause = {0, 300000000};
  CHECK(put(mm, at + 64, &pause, sizeof pause) == sizeof pause);
  reap();
  alarms = 0;
  alarm_in_ms(50);
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  CHECK(INDIRECT(mm, SYS_nanosleep, at + 64, 0) == 0);
  clock_gettime(CLOCK_MONOTONIC, &end);
  CHECK(alarms > 0 && (end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec >= 300000000);
  reap();
  set_handler(0);
  alarm_in_ms(50);
  REFUSES(mm_indirect, EINTR, INDIRECT(mm, SYS_read, (unsigned long)pipes[0], at, 16));
  reap();

  // Private futexes are those of that space, at the same address as here or not.
  CHECK(mmap((void*)at, 8192, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (void*)at);
  int zero = 0, woken = 0;
  CHECK(put(mm, at, &zero, 4) == 4);
  CHECK(pthread_create(&thread, NULL, waiter, &woken) == 0);
  usleep(50000);
  CHECK(syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0 && woken == 0);
  while (INDIRECT(mm, SYS_futex, at, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0) != 1) usleep(1000);
  pthread_join(thread, NULL);
  CHECK(woken == 1);

  // mm_switch
  REFUSES(mm_switch, EBADF, syscall(QUIRE_NR_mm_switch, 999));
  REFUSES(mm_switch, EBADF, syscall(QUIRE_NR_mm_switch, pipes[0]));
  IN_CHILD(clear_child_tid);
  IN_CHILD(vfork_goes_on);
  IN_CHILD(other_threads_stay);

  // mm_run
  c = start();
  REFUSES(mm_run, EBADF, run(999, &c));
  REFUSES(mm_run, EBADF, run(pipes[0], &c));
  REFUSES(mm_run, EINVAL, syscall(QUIRE_NR_mm_run, mm, &c, 1));
  REFUSES(mm_run, EFAULT, run(mm, (struct mm_context*)8));
  c.size = sizeof c - 8;
  REFUSES(mm_run, EINVAL, run(mm, &c));
  c = start();
  c.reserved = 1;
  REFUSES(mm_run, EINVAL, run(mm, &c));
  unsigned long* const addresses[] = {(unsigned long*)&c.regs.rip, (unsigned long*)&c.regs.fs_base,
                                      (unsigned long*)&c.regs.gs_base};
  for (int i = 0; i < 3; ++i) {
    c = start();
    *addresses[i] = 1ul << 47;
    REFUSES(mm_run, EINVAL, run(mm, &c));
  }
  static unsigned char state[16384] __attribute__((aligned(64)));
  c = start();
  c.xstate = (unsigned long)state + 16;
  c.xstate_size = sizeof state - 16;
  REFUSES(mm_run, EINVAL, run(mm, &c));
  c.xstate = (unsigned long)state;
  c.xstate_size = 512;
  REFUSES(mm_run, EINVAL, run(mm, &c));
  c.xstate = 4096;
  c.xstate_size = sizeof state;
  REFUSES(mm_run, EFAULT, run(mm, &c));
  // A context that cannot be written, and an area.
  char* read_only = mmap(NULL, 8192, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  c = start();
  memcpy(read_only, &c, sizeof c);
  CHECK(mprotect(read_only, 8192, PROT_READ) == 0);
  REFUSES(mm_run, EFAULT, run(mm, (struct mm_context*)read_only));
  c.xstate = (unsigned long)read_only + 4096;
  c.xstate_size = 4096;
  if (syscall(QUIRE_NR_mm_run, mm, &c, 0) == -1) CHECK(errno == EFAULT || errno == EINVAL);
  // A write fault, a fetch from what may not be executed, and a first touch that is nobody's business.
  int writes = space_with(storing, sizeof storing);
  c = start();
  c.regs.rdi = 0x5000000;
  CHECK(run(writes, &c) == MM_EXIT_FAULT && c.fault_access == MM_ACCESS_WRITE &&
        c.fault_address == 0x5000000);
  CHECK(c.signal == SIGSEGV && c.code == SEGV_MAPERR && c.trap_no == 14 && c.regs.rip == code_at);
  CHECK(map_in(writes, 0x5000000, 4096, PROT_READ) == 0x5000000);
  CHECK(run(writes, &c) == MM_EXIT_FAULT && c.code == SEGV_ACCERR);
  CHECK(map_in(writes, 0x5000000, 4096, rw) == 0x5000000);
  CHECK(run(writes, &c) != MM_EXIT_FAULT || c.fault_address != 0x5000000);
  c.regs.rip = 0x5000000;
  CHECK(run(writes, &c) == MM_EXIT_FAULT && c.fault_access == MM_ACCESS_EXEC && c.fault_address == 0x5000000);
  // A signal that is due is handled before mm_run returns; the next run goes on where it stood.
  int spins = space_with(spinning, sizeof spinning);
  alarms = 0;
  alarm_in_ms(30);
  c = start();
  CHECK(run(spins, &c) == MM_EXIT_SIGNAL && alarms >= 1 && c.regs.rip == code_at &&
        c.reason == MM_EXIT_SIGNAL);
  reap();

  // mm_read, mm_write
  REFUSES(mm_read, EBADF, get(999, text, at, 1));
  REFUSES(mm_write, EBADF, put(pipes[0], at, text, 1));
  struct {
    void* base;
    size_t length;
  } v[2] = {{text, 1}, {text, 1}}, far[2] = {{(void*)at, 1}, {(void*)at, 1}};
  REFUSES(mm_read, EINVAL, syscall(QUIRE_NR_mm_read, mm, v, 1, far, 1, 1));
  REFUSES(mm_write, EINVAL, syscall(QUIRE_NR_mm_write, mm, v, 1, far, 1, 1));
  REFUSES(mm_read, EINVAL, syscall(QUIRE_NR_mm_read, mm, v, 1025, far, 1, 0));
  REFUSES(mm_write, EINVAL, syscall(QUIRE_NR_mm_write, mm, v, 1, far, 1025, 0));
  v[0].length = ~0ul;
  REFUSES(mm_read, EINVAL, syscall(QUIRE_NR_mm_read, mm, v, 2, far, 2, 0));
  REFUSES(mm_write, EINVAL, syscall(QUIRE_NR_mm_write, mm, v, 2, far, 2, 0));
  v[0].length = 1;
  REFUSES(mm_read, EFAULT, syscall(QUIRE_NR_mm_read, mm, 8, 1, far, 1, 0));
  REFUSES(mm_write, EFAULT, syscall(QUIRE_NR_mm_write, mm, v, 1, 8, 1, 0));
  REFUSES(mm_read, EFAULT, get(mm, text, 0x900000000, 1));
  REFUSES(mm_read, EFAULT, get(mm, (void*)8, at, 1));
  CHECK(INDIRECT(mm, SYS_mprotect, at, 4096, PROT_READ) == 0);
  REFUSES(mm_write, EFAULT, put(mm, at, text, 1));
  CHECK(INDIRECT(mm, SYS_mprotect, at, 4096, PROT_NONE) == 0);
  REFUSES(mm_read, EFAULT, get(mm, text, at, 1));
  // Several ranges, filled in order, as far as it goes.
  CHECK(INDIRECT(mm, SYS_mprotect, at, 4096, (unsigned long)rw) == 0);
  strcpy(text, "abcdef");
  v[0].base = text, v[0].length = 2, v[1].base = text + 2, v[1].length = 4;
  far[0].base = (void*)(at + 8190), far[0].length = 1, far[1].base = (void*)(at + 8191), far[1].length = 5;
  CHECK(syscall(QUIRE_NR_mm_write, mm, v, 2, far, 2, 0) == 2 && get(mm, text + 32, at + 8190, 2) == 2 &&
        memcmp(text + 32, "ab", 2) == 0);
  CHECK(syscall(QUIRE_NR_mm_read, mm, v, 0, far, 0, 0) == 0);
  return ended();
}
