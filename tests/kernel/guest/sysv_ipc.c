// System V semaphores and message queues: values, waiting, undo, types, removal, errors.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

static void result(const char* what, long value) {
  printf("%s: %ld %s\n", what, value, value < 0 ? strerrorname_np(errno) : "");
}
static int op(int set, int index, int amount, int flags) {
  struct sembuf b = {.sem_num = (unsigned short)index, .sem_op = (short)amount, .sem_flg = (short)flags};
  return semop(set, &b, 1);
}
static void ignore(int s) { (void)s; }

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  int set = semget(IPC_PRIVATE, 3, 0600);
  printf("set: %d\n", set >= 0);
  result("too many", semget(IPC_PRIVATE, 1000000, 0600));
  result("no key", semget(0x7777123, 1, 0));
  result("set value", semctl(set, 0, SETVAL, 5));
  result("value", semctl(set, 0, GETVAL));
  result("out of range", semctl(set, 0, SETVAL, 70000));
  result("bad index", semctl(set, 9, GETVAL));
  result("take", op(set, 0, -2, 0));
  result("take too many", op(set, 0, -9, IPC_NOWAIT));
  result("not zero", op(set, 0, 0, IPC_NOWAIT));
  result("zero", op(set, 1, 0, 0));
  result("no such", op(set, 7, 1, 0));
  unsigned short values[3] = {1, 2, 3};
  result("set all", semctl(set, 0, SETALL, values));
  struct sembuf both[2] = {{.sem_num = 0, .sem_op = -1, .sem_flg = IPC_NOWAIT},
                           {.sem_num = 1, .sem_op = -3, .sem_flg = IPC_NOWAIT}};
  result("all or none", semop(set, both, 2));
  result("get all", semctl(set, 0, GETALL, values));
  printf("values %d %d %d\n", values[0], values[1], values[2]);
  struct semid_ds ds;
  result("stat", semctl(set, 0, IPC_STAT, &ds));
  printf("count %lu mode %o\n", ds.sem_nsems, ds.sem_perm.mode);

  // A child waits until we let it go; another's changes are undone.
  semctl(set, 0, SETVAL, 0);
  pid_t child = fork();
  if (child == 0) _exit(op(set, 0, -1, 0) == 0 ? 0 : 1);
  while (semctl(set, 0, GETNCNT) == 0) usleep(1000);
  result("let go", op(set, 0, 1, 0));
  int status;
  waitpid(child, &status, 0);
  printf("child: %d, value %d\n", WEXITSTATUS(status), semctl(set, 0, GETVAL));
  child = fork();
  if (child == 0) _exit(op(set, 1, 10, SEM_UNDO) == 0 ? semctl(set, 1, GETVAL) : 99);
  waitpid(child, &status, 0);
  printf("with undo: %d, after: %d\n", WEXITSTATUS(status), semctl(set, 1, GETVAL));
  struct sigaction act = {.sa_handler = ignore, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &act, NULL);
  alarm(1);
  result("interrupted", op(set, 0, -1, 0));
  struct timespec brief = {0, 10000000};
  struct sembuf b = {.sem_num = 0, .sem_op = -1, .sem_flg = 0};
  result("timed", semtimedop(set, &b, 1, &brief));
  child = fork();
  if (child == 0) _exit(op(set, 0, -1, 0) < 0 && errno == EIDRM ? 0 : 1);
  while (semctl(set, 0, GETNCNT) == 0) usleep(1000);
  result("remove", semctl(set, 0, IPC_RMID));
  waitpid(child, &status, 0);
  printf("removed under a waiter: %d\n", WEXITSTATUS(status));
  result("gone", op(set, 0, 1, 0));

  struct {
    long type;
    char text[100];
  } m;
  int queue = msgget(IPC_PRIVATE, 0600);
  printf("queue: %d\n", queue >= 0);
  for (int i = 1; i <= 5; ++i) {
    m.type = i % 3 + 1;
    snprintf(m.text, sizeof m.text, "message %d", i);
    msgsnd(queue, &m, strlen(m.text) + 1, 0);
  }
  m.type = 0;
  result("bad type", msgsnd(queue, &m, 1, 0));
  m.type = 1;
  result("too long", msgsnd(queue, &m, 100000, 0));
  result("by type", msgrcv(queue, &m, sizeof m.text, 3, 0));
  printf("%ld %s\n", m.type, m.text);
  result("lowest", msgrcv(queue, &m, sizeof m.text, -2, 0));
  printf("%ld %s\n", m.type, m.text);
  result("too small", msgrcv(queue, &m, 3, 0, 0));
  result("cut", msgrcv(queue, &m, 3, 0, MSG_NOERROR));
  result("except", msgrcv(queue, &m, sizeof m.text, 2, MSG_EXCEPT));
  printf("%ld %s\n", m.type, m.text);
  result("none of that", msgrcv(queue, &m, sizeof m.text, 77, IPC_NOWAIT));
  struct msqid_ds q;
  result("stat", msgctl(queue, IPC_STAT, &q));
  printf("left %lu\n", q.msg_qnum);
  child = fork();
  if (child == 0) {
    ssize_t n = msgrcv(queue, &m, sizeof m.text, 50, 0);
    _exit(n == 6 && strcmp(m.text, "hello") == 0 ? 0 : 1);
  }
  usleep(20000);
  m.type = 50;
  strcpy(m.text, "hello");
  msgsnd(queue, &m, 6, 0);
  waitpid(child, &status, 0);
  printf("handed over: %d\n", WEXITSTATUS(status));
  result("remove", msgctl(queue, IPC_RMID, NULL));
  result("gone", msgrcv(queue, &m, sizeof m.text, 0, 0));
  return 0;
}
