// Delivery, masks, restart, alternate stacks, waiting, stops, default actions.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t got[65];
static volatile int code[65];
static volatile unsigned long sp_in_handler;
static void handler(int s, siginfo_t* i, void* u) {
  (void)u;
  got[s]++;
  code[s] = i->si_code;
  sp_in_handler = (unsigned long)__builtin_frame_address(0);
}
static void install(int s, int flags) {
  struct sigaction a = {.sa_flags = SA_SIGINFO | flags};
  a.sa_sigaction = handler;
  sigaction(s, &a, NULL);
}
static sigjmp_buf jump;
static void jumper(int s, siginfo_t* i, void* u) {
  ucontext_t* uc = u;
  printf("signal %d code %d trap %lld err %llx addr-null %d\n", s, i->si_code,
         (long long)uc->uc_mcontext.gregs[REG_TRAPNO], (long long)uc->uc_mcontext.gregs[REG_ERR] & 7,
         i->si_addr == NULL);
  siglongjmp(jump, 1);
}
static void* killer(void* t) {
  usleep(30000);
  pthread_kill(*(pthread_t*)t, SIGUSR1);
  return NULL;
}
static int interrupted_read(int flags) {
  int fd[2];
  if (pipe(fd) != 0) return -1;
  install(SIGUSR1, flags);
  pthread_t self = pthread_self(), t;
  pthread_create(&t, NULL, killer, &self);
  if (flags & SA_RESTART) {
    pid_t p = fork();
    if (p == 0) {
      usleep(100000);
      _exit(write(fd[1], "x", 1) == 1 ? 0 : 1);
    }
  }
  char c;
  ssize_t r = read(fd[0], &c, 1);
  int e = r < 0 ? errno : 0;
  pthread_join(t, NULL);
  while (wait(NULL) > 0) {
  }
  return r < 0 ? -e : (int)r;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  install(SIGUSR1, 0);
  raise(SIGUSR1);
  printf("raise: %d code %d\n", got[SIGUSR1], code[SIGUSR1] == SI_TKILL);
  kill(getpid(), SIGUSR1);
  printf("kill: %d code %d\n", got[SIGUSR1], code[SIGUSR1] == SI_USER);
  sigset_t set, old, pend;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, &old);
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR1);
  sigpending(&pend);
  printf("blocked: %d pending %d\n", got[SIGUSR1], sigismember(&pend, SIGUSR1));
  sigprocmask(SIG_SETMASK, &old, NULL);
  printf("unblocked: %d\n", got[SIGUSR1]);
  install(SIGRTMIN, 0);
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, &old);
  for (int i = 0; i < 5; ++i) {
    union sigval v = {.sival_int = i};
    sigqueue(getpid(), SIGRTMIN, v);
  }
  siginfo_t info;
  struct timespec zero = {0, 0};
  int r = sigtimedwait(&set, &info, &zero);
  printf("sigtimedwait: %d value %d code %d\n", r == SIGRTMIN, info.si_value.sival_int,
         info.si_code == SI_QUEUE);
  sigprocmask(SIG_SETMASK, &old, NULL);
  printf("queued: %d\n", got[SIGRTMIN]);
  printf("read without restart: %s\n", interrupted_read(0) == -EINTR ? "EINTR" : "other");
  printf("read with restart: %d\n", interrupted_read(SA_RESTART));

  stack_t ss = {.ss_size = 65536};
  ss.ss_sp = malloc(ss.ss_size);
  sigaltstack(&ss, NULL);
  install(SIGUSR2, SA_ONSTACK);
  raise(SIGUSR2);
  printf("on the alternate stack: %d\n", sp_in_handler - (unsigned long)ss.ss_sp < ss.ss_size);
  struct sigaction j = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
  j.sa_sigaction = jumper;
  int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (int i = 0; i < 5; ++i) sigaction(fatal[i], &j, NULL);
  if (sigsetjmp(jump, 1) == 0) *(volatile int*)NULL = 1;
  if (sigsetjmp(jump, 1) == 0) (void)*(volatile int*)0x8000000000000000ul;
  volatile int zero_int = 0, one = 1;
  if (sigsetjmp(jump, 1) == 0) one = one / zero_int;
  if (sigsetjmp(jump, 1) == 0) __asm__ volatile("ud2");
  if (sigsetjmp(jump, 1) == 0) __asm__ volatile("int3");
  if (sigsetjmp(jump, 1) == 0) __asm__ volatile("hlt");

  struct itimerval tv = {{0, 10000}, {0, 10000}};
  install(SIGALRM, SA_RESTART);
  setitimer(ITIMER_REAL, &tv, NULL);
  while (got[SIGALRM] < 3) pause();
  memset(&tv, 0, sizeof tv);
  setitimer(ITIMER_REAL, &tv, NULL);
  printf("alarms came\n");
  struct timespec sleep_time = {0, 50000000}, rest;
  struct itimerval once = {{0, 0}, {0, 10000}};
  setitimer(ITIMER_REAL, &once, NULL);
  install(SIGALRM, 0);
  r = nanosleep(&sleep_time, &rest);
  printf("nanosleep: %d %s rest %d\n", r, strerrorname_np(errno),
         rest.tv_nsec > 0 && rest.tv_nsec < 50000000);

  pid_t p = fork();
  if (p == 0) {
    raise(SIGSTOP);
    _exit(4);
  }
  int status;
  waitpid(p, &status, WUNTRACED);
  printf("stopped: %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
  kill(p, SIGCONT);
  waitpid(p, &status, WCONTINUED);
  if (WIFCONTINUED(status)) waitpid(p, &status, 0);
  printf("continued, exit: %d\n", WEXITSTATUS(status));
  int ends[] = {SIGTERM, SIGKILL, SIGSEGV, SIGABRT, SIGPIPE, SIGHUP};
  for (int i = 0; i < 6; ++i) {
    signal(ends[i], SIG_DFL);  // before the child exists: it must never run our handlers
    p = fork();
    if (p == 0) {
      struct timespec forever = {100, 0};
      for (;;) nanosleep(&forever, NULL);
    }
    usleep(2000);
    kill(p, ends[i]);
    waitpid(p, &status, 0);
    printf("killed by %d: %d\n", ends[i], WIFSIGNALED(status) ? WTERMSIG(status) : -1);
  }
  // A thread that spins in user mode is interrupted too.
  p = fork();
  if (p == 0)
    for (;;) __asm__ volatile("");
  usleep(20000);
  kill(p, SIGTERM);
  waitpid(p, &status, 0);
  printf("spinning child: %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
  signal(SIGCHLD, SIG_IGN);
  if (fork() == 0) _exit(0);
  printf("ignored child: %d %s\n", wait(NULL), strerrorname_np(errno));
  return 0;
}
