// Parents and children: exit codes, signals' statuses, waitid, groups, orphans, subreapers, death signals,
// vfork, pidfds, CLONE_PARENT, exits of all kinds. Prints nothing that depends on ids or times.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char* what, int status) {
  if (WIFEXITED(status))
    printf("%s: exit %d\n", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status))
    printf("%s: signal %d\n", what, WTERMSIG(status));
  else if (WIFSTOPPED(status))
    printf("%s: stopped by %d\n", what, WSTOPSIG(status));
  else if (WIFCONTINUED(status))
    printf("%s: continued\n", what);
}

static void result(const char* what, long value) {
  printf("%s: %ld %s\n", what, value, value < 0 ? strerrorname_np(errno) : "");
}

static volatile sig_atomic_t got;
static siginfo_t last;
static void note(int s, siginfo_t* info, void* context) {
  (void)context;
  got = s;
  last = *info;
}

static void* exit_from_thread(void* arg) {
  (void)arg;
  _exit(23);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  int status;

  for (int code = 0; code < 300; code += 99) {
    pid_t child = fork();
    if (child == 0) _exit(code);
    waitpid(child, &status, 0);
    show("child", status);
  }
  int signals[] = {SIGKILL, SIGTERM, SIGSEGV, SIGABRT, SIGRTMIN};
  for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; ++i) {
    pid_t child = fork();
    if (child == 0) {
      raise(signals[i]);
      _exit(1);
    }
    waitpid(child, &status, 0);
    show("killed", status);
  }

  // No children; children of other kinds.
  result("wait without children", wait(&status));
  pid_t child = fork();
  if (child == 0) pause();
  printf("not yet: %d\n", waitpid(child, &status, WNOHANG));
  result("not in that group", waitpid(-99999, &status, 0));

  // waitid: stop, continue, end; looking without taking.
  siginfo_t info;
  kill(child, SIGSTOP);
  waitid(P_PID, child, &info, WSTOPPED);
  printf("waitid: code %d status %d pid %d\n", info.si_code, info.si_status, info.si_pid == child);
  kill(child, SIGCONT);
  waitid(P_PID, child, &info, WCONTINUED);
  printf("waitid: code %d status %d\n", info.si_code, info.si_status);
  kill(child, SIGTERM);
  waitid(P_PID, child, &info, WEXITED | WNOWAIT);
  printf("waitid: code %d status %d\n", info.si_code, info.si_status);
  waitid(P_ALL, 0, &info, WEXITED);
  printf("still there: code %d status %d\n", info.si_code, info.si_status);

  // SIGCHLD tells who and how.
  struct sigaction act = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
  sigaction(SIGCHLD, &act, NULL);
  child = fork();
  if (child == 0) _exit(5);
  while (got != SIGCHLD) usleep(1000);
  printf("SIGCHLD: code %d status %d pid %d\n", last.si_code, last.si_status, last.si_pid == child);
  waitpid(child, &status, 0);
  signal(SIGCHLD, SIG_IGN);
  child = fork();
  if (child == 0) _exit(5);
  result("ignored children leave nothing", waitpid(child, &status, 0));
  signal(SIGCHLD, SIG_DFL);

  // Groups.
  child = fork();
  if (child == 0) {
    setpgid(0, 0);
    if (fork() == 0) pause();
    pause();
  }
  setpgid(child, child);
  printf("own group: %d\n", getpgid(child) == child);
  usleep(50000);
  kill(-child, SIGUSR1);
  waitpid(-child, &status, 0);
  show("group", status);

  // Orphans go to the subreaper.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  child = fork();
  if (child == 0) {
    if (fork() == 0) {
      while (getppid() != 1 && syscall(SYS_getppid) == getppid()) {
        usleep(20000);
        break;
      }
      _exit(44);
    }
    _exit(0);
  }
  waitpid(child, &status, 0);
  show("middle", status);
  printf("adopted: %d\n", wait(&status) > 0);
  show("orphan", status);

  // The parent's death.
  int pipes[2];
  if (pipe(pipes) != 0) return 1;
  child = fork();
  if (child == 0) {
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGUSR2);
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGUSR2);
      sigprocmask(SIG_BLOCK, &set, NULL);
      if (write(pipes[1], "x", 1) != 1) _exit(1);
      int s;
      sigwait(&set, &s);
      _exit(s);
    }
    char c;
    _exit(read(pipes[0], &c, 1) == 1 ? 0 : 1);
  }
  waitpid(child, &status, 0);
  wait(&status);
  show("told of the parent's death", status);

  // vfork shares memory and holds the parent back.
  volatile int shared = 1;
  child = vfork();
  if (child == 0) {
    shared = 2;
    _exit(0);
  }
  printf("vfork: %d\n", shared);
  waitpid(child, &status, 0);

  // clone3 with a pidfd, and what can be done with it.
  int pidfd = -1;
  struct clone_args args = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD};
  child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) {
    pause();
    _exit(0);
  }
  struct pollfd p = {.fd = pidfd, .events = POLLIN};
  printf("pidfd: alive %d\n", poll(&p, 1, 0));
  syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
  printf("pidfd: ended %d\n", poll(&p, 1, 5000));
  memset(&info, 0, sizeof info);
  waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
  printf("pidfd: code %d status %d\n", info.si_code, info.si_status);
  close(pidfd);

  // A clone child is waited for only by those who ask.
  child = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
  if (child == 0) _exit(3);
  result("plain wait", waitpid(child, &status, 0));
  printf("__WALL: %d\n", waitpid(child, &status, __WALL) == child);
  show("clone child", status);

  // The whole process ends whichever thread calls exit.
  child = fork();
  if (child == 0) {
    pthread_t t;
    pthread_create(&t, NULL, exit_from_thread, NULL);
    pause();
  }
  waitpid(child, &status, 0);
  show("exit from a thread", status);

  result("bad flags", syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
  result("bad kill", kill(getpid(), 65));
  result("bad wait", waitpid(-1, &status, 0x40000));
  return 0;
}
