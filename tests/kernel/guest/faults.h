// Touching memory that may not be there: what the signal was, or 0. on_fault() is the handler, with
// SA_SIGINFO.
#pragma once
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static sigjmp_buf jump;
static volatile int expected;
static void on_fault(int sig, siginfo_t* info, void* uc) {
  (void)uc;
  if (!expected) {
    fprintf(stderr, "unexpected signal %d at %p\n", sig, info->si_addr);
    _exit(99);
  }
  expected = 0;
  siglongjmp(jump, sig * 100 + info->si_code);
}
static inline int reading(volatile char* p) {
  int r = sigsetjmp(jump, 1);
  expected = r == 0;
  if (r == 0) (void)*p;
  expected = 0;
  return r;
}
static inline int writing(volatile char* p) {
  int r = sigsetjmp(jump, 1);
  expected = r == 0;
  if (r == 0) *p = 1;
  expected = 0;
  return r;
}
