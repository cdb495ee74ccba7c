// What the programs that go through man pages clause by clause share: results as text, parts that run in a
// child of their own, and fields of files in /proc.
#pragma once
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static inline const char* result(long r) { return r == -1 ? strerrorname_np(errno) : "ok"; }
static inline const char* mapped(void* p) { return p == MAP_FAILED ? strerrorname_np(errno) : "ok"; }

// Its status as a shell tells it.
static inline int in_child(void (*body)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    body();
    fflush(stdout);
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
static inline void part(const char* name, void (*body)(void)) {
  int status = in_child(body);
  printf("%s: %d\n", name, status);
}

// The last line "KEY: n" of a file, or -1.
static inline long field(const char* file, const char* key) {
  char line[300];
  long n = -1;
  FILE* f = fopen(file, "r");
  while (f != NULL && fgets(line, sizeof line, f) != NULL)
    if (strncmp(line, key, strlen(key)) == 0) n = atol(line + strlen(key) + 1);
  if (f != NULL) fclose(f);
  return n;
}
// The line "KEY: n" of the area that begins there, or -1.
static inline long smaps(const void* at, const char* key) {
  char line[300], start[32];
  long n = -1;
  int in = 0;
  snprintf(start, sizeof start, "%lx-", (unsigned long)at);
  FILE* f = fopen("/proc/self/smaps", "r");
  while (fgets(line, sizeof line, f) != NULL) {
    if (strncmp(line, start, strlen(start)) == 0)
      in = 1;
    else if (in && strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':') {
      n = atol(line + strlen(key) + 1);
      break;
    }
  }
  fclose(f);
  return n;
}
