// Address spaces as objects: each flag and error of the calls that the documents name. On a kernel without
// them (ENOSYS) there is nothing to check; the last line is the same.
#define _GNU_SOURCE
#include "spaces.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define FAILS(call, number) CHECK((call) == -1 && errno == (number))

// add $1,%rbx ; mov %ebx,%eax ; syscall ; jmp to the start
static const unsigned char counting[] = {0x48, 0x83, 0xc3, 0x01, 0x89, 0xd8, 0x0f, 0x05, 0xeb, 0xf6};
static const unsigned char touching[] = {0x48, 0x8b, 0x07, 0xeb, 0xfb};  // mov (%rdi),%rax ; jmp
static const unsigned char undefined[] = {0x0f, 0x0b};
static const unsigned char spinning[] = {0xeb, 0xfe};

static volatile sig_atomic_t alarms;
static void on_alarm(int s) {
  (void)s;
  ++alarms;
}

static int switch_to;
static int kept = 1;
static void* switcher(void* arg) {
  (void)arg;
  return NULL;
}

static int racing;
static void* race(void* arg) {
  int mm = *(int*)arg;
  for (int i = 0; i < 200; ++i) {
    struct mm_context c = start();
    long r = run(mm, &c);
    if (r < 0 && errno != EBADF) __atomic_fetch_add(&racing, 1, __ATOMIC_RELAXED);
    if (r == MM_EXIT_SYSCALL && c.regs.orig_rax != 1) __atomic_fetch_add(&racing, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (only_native()) {
    puts("checked");
    return 0;
  }
  // create_mm
  FAILS(make(~MM_CLONE), EINVAL);
  int mm = (int)make(0);
  CHECK(mm >= 0 && (fcntl(mm, F_GETFD) & FD_CLOEXEC) != 0);
  char c;
  CHECK(read(mm, &c, 1) == -1);
  close(mm);
  FAILS(map_in(mm, code_at, 4096, PROT_READ), EBADF);
  FAILS(map_in(1, code_at, 4096, PROT_READ), EBADF);

  // mm_write, mm_read: as far as it goes
  mm = space_with(counting, sizeof counting);
  char buffer[8192];
  CHECK(copy(QUIRE_NR_mm_read, mm, buffer, code_at, sizeof counting) == sizeof counting);
  CHECK(memcmp(buffer, counting, sizeof counting) == 0);
  CHECK(copy(QUIRE_NR_mm_read, mm, buffer, code_at + 4096, 8192) == 4096);
  FAILS(copy(QUIRE_NR_mm_read, mm, buffer, 0x900000, 1), EFAULT);
  FAILS(copy(QUIRE_NR_mm_read, 0, buffer, code_at, 1), EBADF);
  struct iovec v = {buffer, 1};
  FAILS(syscall(QUIRE_NR_mm_read, mm, &v, 1, &v, 1, 1), EINVAL);
  FAILS(syscall(QUIRE_NR_mm_read, mm, &v, 5000, &v, 1, 0), EINVAL);

  // mm_indirect: what is refused, what it redirects
  static const int refused[] = {SYS_execve,
                                SYS_exit,
                                SYS_exit_group,
                                SYS_fork,
                                SYS_vfork,
                                SYS_clone,
                                SYS_clone3,
                                SYS_rt_sigreturn,
                                SYS_restart_syscall,
                                SYS_set_tid_address,
                                SYS_set_robust_list,
                                SYS_sigaltstack,
                                SYS_arch_prctl,
                                SYS_rt_sigsuspend,
                                SYS_rseq,
                                SYS_execveat,
                                QUIRE_NR_mm_indirect,
                                QUIRE_NR_mm_switch,
                                QUIRE_NR_mm_run};
  for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; ++i) {
    unsigned long call[7] = {(unsigned long)refused[i]};
    FAILS(indirect(mm, call, 0), EINVAL);
  }
  unsigned long getpid_call[7] = {SYS_getpid};
  CHECK(indirect(mm, getpid_call, 0) == getpid());
  FAILS(indirect(mm, getpid_call, 8), EINVAL);
  FAILS(indirect(mm, NULL, 0), EFAULT);
  int pipes[2];
  CHECK(pipe(pipes) == 0);
  unsigned long write_call[7] = {SYS_write, (unsigned long)pipes[1], code_at, 4};
  CHECK(indirect(mm, write_call, 0) == 4);
  CHECK(read(pipes[0], buffer, 10) == 4 && memcmp(buffer, counting, 4) == 0);
  struct mm_call calls[3] = {{.call = {SYS_getpid}}, {.call = {SYS_close, 9999}}, {.call = {SYS_getpid}}};
  struct mm_batch batch = {.calls = (uintptr_t)calls, .count = 3, .flags = 0};
  CHECK(indirect(mm, (void*)&batch, MM_BATCH) == 3 && batch.done == 3);
  CHECK(calls[0].result == getpid() && calls[1].result == -EBADF && calls[2].result == getpid());
  batch.flags = MM_BATCH_STOP;
  CHECK(indirect(mm, (void*)&batch, MM_BATCH) == 2);
  batch.count = 1025;
  FAILS(indirect(mm, (void*)&batch, MM_BATCH), EINVAL);

  // mm_run: system calls, faults, exceptions, signals
  struct mm_context x = start();
  CHECK(run(mm, &x) == MM_EXIT_SYSCALL && x.reason == MM_EXIT_SYSCALL && x.regs.orig_rax == 1);
  CHECK(x.regs.rip == code_at + 8);
  for (int i = 2; i < 50; ++i) CHECK(run(mm, &x) == MM_EXIT_SYSCALL && x.regs.orig_rax == (unsigned)i);
  x.size = 3;
  FAILS(run(mm, &x), EINVAL);
  x = start();
  x.regs.rip = 1ul << 63;
  FAILS(run(mm, &x), EINVAL);
  FAILS(syscall(QUIRE_NR_mm_run, mm, &x, 1), EINVAL);
  FAILS(syscall(QUIRE_NR_mm_run, mm, NULL, 0), EFAULT);
  int faulty = space_with(touching, sizeof touching);
  x = start();
  x.regs.rdi = 0x123456000;
  CHECK(run(faulty, &x) == MM_EXIT_FAULT && x.fault_address == 0x123456000 &&
        x.fault_access == MM_ACCESS_READ);
  CHECK(x.regs.rip == code_at);
  x.regs.rdi = code_at;
  x.regs.rip = 0x700000;
  CHECK(run(faulty, &x) == MM_EXIT_FAULT && x.fault_access == MM_ACCESS_EXEC);
  int odd = space_with(undefined, sizeof undefined);
  x = start();
  CHECK(run(odd, &x) == MM_EXIT_EXCEPTION && x.signal == SIGILL);
  int spins = space_with(spinning, sizeof spinning);
  struct sigaction act = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &act, NULL);
  alarm(1);
  x = start();
  CHECK(run(spins, &x) == MM_EXIT_SIGNAL && alarms == 1 && x.regs.rip == code_at);

  // Descriptors travel; the space lives as long as one is open.
  int sockets[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec one = {&c, 1};
  struct msghdr message = {
      .msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* h = CMSG_FIRSTHDR(&message);
  *h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(h), &mm, sizeof mm);
  CHECK(sendmsg(sockets[0], &message, 0) == 1);
  close(mm);
  CHECK(recvmsg(sockets[1], &message, 0) == 1);
  int received;
  memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
  x = start();
  CHECK(run(received, &x) == MM_EXIT_SYSCALL);

  // Several threads in one space, which is closed meanwhile.
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, race, &received);
  usleep(5000);
  close(received);
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  CHECK(racing == 0);

  // MM_CLONE and mm_switch: back to what memory was.
  pthread_t t;
  pthread_create(&t, NULL, switcher, NULL);
  pthread_join(t, NULL);
  FAILS(syscall(QUIRE_NR_mm_switch, 1), EBADF);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    int* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kept = 1;
    switch_to = (int)make(MM_CLONE);
    if (shared[0]++ == 0) {
      kept = 2;
      if (syscall(QUIRE_NR_mm_switch, switch_to) != 0) _exit(1);
      // Here again, in the copy: private memory is as it was when it was made.
      if (kept != 1) _exit(2);
      if (shared[0] != 1) _exit(3);
    }
    _exit(42);
  }
  int status;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
  if (failures != 0) return 1;
  puts("checked");
  return 0;
}
