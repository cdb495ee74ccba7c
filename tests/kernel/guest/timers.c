// Sleeping, alarms, interval timers and POSIX timers: what arrives, how often, what is left. Times are
// compared with generous bounds only from below.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static void result(const char* what, long value) {
  printf("%s: %ld %s\n", what, value, value < 0 ? strerrorname_np(errno) : "");
}

static volatile sig_atomic_t count;
static siginfo_t last;
static void note(int s, siginfo_t* info, void* context) {
  (void)s;
  (void)context;
  ++count;
  last = *info;
}

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct sigaction act = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
  sigaction(SIGALRM, &act, NULL);
  sigaction(SIGUSR1, &act, NULL);
  sigaction(SIGPROF, &act, NULL);

  double before = now(CLOCK_MONOTONIC);
  usleep(20000);
  printf("slept: %d\n", now(CLOCK_MONOTONIC) - before >= 0.02);
  struct timespec past = {.tv_sec = 1, .tv_nsec = 0};
  printf("past: %d\n", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL));
  struct timespec bad = {.tv_sec = 0, .tv_nsec = 2000000000};
  printf("bad: %s\n", strerrorname_np(clock_nanosleep(CLOCK_REALTIME, 0, &bad, NULL)));
  printf("thread clock: %s\n", strerrorname_np(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &past, NULL)));
  struct timespec t;
  result("no clock", clock_gettime(77, &t));

  // Interrupted: the rest is told.
  struct itimerval soon = {.it_value = {.tv_sec = 0, .tv_usec = 20000}};
  setitimer(ITIMER_REAL, &soon, NULL);
  struct timespec ten = {.tv_sec = 10, .tv_nsec = 0}, rest = {0, 0};
  result("interrupted", nanosleep(&ten, &rest));
  printf("rest %d\n", rest.tv_sec >= 5 && rest.tv_sec < 10);
  printf("alarms: %d code %d\n", (int)count, last.si_code);

  // A stop and a continue do not end a sleep.
  count = 0;
  before = now(CLOCK_MONOTONIC);
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) {
    usleep(20000);
    kill(parent, SIGSTOP);
    usleep(20000);
    kill(parent, SIGCONT);
    _exit(0);
  }
  struct timespec some = {.tv_sec = 0, .tv_nsec = 150000000};
  result("through a stop", nanosleep(&some, NULL));
  printf("long enough %d\n", now(CLOCK_MONOTONIC) - before >= 0.15);

  // Repeating, and what is left.
  count = 0;
  struct itimerval often = {.it_interval = {0, 5000}, .it_value = {0, 5000}};
  setitimer(ITIMER_REAL, &often, NULL);
  while (count < 5) pause();
  struct itimerval left, off = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &off, &left);
  printf("repeated, interval %ld, left %d\n", left.it_interval.tv_usec, left.it_value.tv_usec <= 5000);
  getitimer(ITIMER_REAL, &left);
  printf("off: %ld %ld\n", left.it_value.tv_sec, left.it_value.tv_usec);
  alarm(100);
  unsigned left_s = alarm(0);
  printf("alarm left: %d", left_s >= 99);
  printf(", then %u\n", alarm(0));

  // CPU time: a busy loop is noticed.
  count = 0;
  struct itimerval cpu = {.it_value = {0, 30000}};
  setitimer(ITIMER_PROF, &cpu, NULL);
  before = now(CLOCK_MONOTONIC);
  while (count == 0 && now(CLOCK_MONOTONIC) - before < 20) {
  }
  printf("SIGPROF: %d\n", (int)count);
  printf("process clock runs: %d\n", now(CLOCK_PROCESS_CPUTIME_ID) >= 0.02);

  // POSIX timers.
  count = 0;
  timer_t timer;
  struct sigevent event = {
      .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value = {.sival_int = 42}};
  printf("create: %d\n", timer_create(CLOCK_MONOTONIC, &event, &timer));
  struct itimerspec spec = {.it_value = {0, 10000000}};
  timer_settime(timer, 0, &spec, NULL);
  while (count == 0) pause();
  printf("code %d value %d overrun %d\n", last.si_code, last.si_value.sival_int, timer_getoverrun(timer));
  spec.it_interval.tv_nsec = 1000000;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  count = 0;
  timer_settime(timer, 0, &spec, NULL);
  usleep(60000);
  spec.it_value.tv_nsec = spec.it_interval.tv_nsec = 0;
  timer_settime(timer, 0, &spec, NULL);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  result("delete", timer_delete(timer));
  result("again", syscall(SYS_timer_delete, 12345));
  result("bad timer", timer_create(55, &event, &timer));

  // sigtimedwait.
  sigprocmask(SIG_BLOCK, &set, NULL);
  struct timespec brief = {0, 10000000};
  siginfo_t info;
  result("nothing", sigtimedwait(&set, &info, &brief));
  union sigval value = {.sival_int = 7};
  sigqueue(getpid(), SIGUSR1, value);
  printf("queued: %d", sigtimedwait(&set, &info, &brief) == SIGUSR1);
  printf(" code %d value %d\n", info.si_code, info.si_value.sival_int);
  return 0;
}
