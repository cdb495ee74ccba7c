// printf in a handler.
#include "../include/posix.h"

static volatile int stop;
static void helper(void) { printf("stopping\n"); }
static void noisy(int s) { helper(); }
static void quiet(int s) { stop = 1; }
void bad(void) {
	signal(2, noisy); // expect: posix.signal-handler
}
void good(void) {
	signal(2, quiet);
}
