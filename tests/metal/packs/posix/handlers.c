// Handlers call only what is safe in one.
#include "../include/posix.h"

static volatile int stop;
static void bad0(int s) { printf("x"); }
void set_bad0(void) {
	signal(0, bad0);  // expect: posix.signal-handler
}
static void bad1(int s) { malloc(3); }
void set_bad1(void) {
	signal(1, bad1);  // expect: posix.signal-handler
}
static void bad2(int s) { free((void *)0); }
void set_bad2(void) {
	signal(2, bad2);  // expect: posix.signal-handler
}
static void bad3(int s) { fopen("a", "b"); }
void set_bad3(void) {
	signal(3, bad3);  // expect: posix.signal-handler
}
static void bad4(int s) { exit(1); }
void set_bad4(void) {
	signal(4, bad4);  // expect: posix.signal-handler
}
static void bad5(int s) { syslog(1, "x"); }
void set_bad5(void) {
	signal(5, bad5);  // expect: posix.signal-handler
}
static void good0(int s) { stop = 1; }
void set_good0(void) {
	signal(0, good0);
}
static void good1(int s) { write(1, "x", 1); }
void set_good1(void) {
	signal(1, good1);
}
static void good2(int s) { _exit(1); }
void set_good2(void) {
	signal(2, good2);
}
static void good3(int s) { stop = stop + 1; }
void set_good3(void) {
	signal(3, good3);
}
static void good4(int s) { close(3); }
void set_good4(void) {
	signal(4, good4);
}
static void good5(int s) { read(1, (void *)0, 0); }
void set_good5(void) {
	signal(5, good5);
}
static void say(int n) { if (n) printf("n"); }
static void deep(int s) { say(s); }
void set_deep(void) {
	signal(1, deep);  // expect: posix.signal-handler
}
static void note(int n) { stop = n; }
static void deep_quiet(int s) { note(s); }
void set_deep_quiet(void) {
	signal(1, deep_quiet);
}
static void sometimes(int s) { if (s == 2) printf("2"); }
void set_sometimes(int n) {
	if (n)
		signal(2, sometimes);  // expect: posix.signal-handler
}
static void loops(int s) { while (s--) strdup("a"); }
int set_loops(void) {
	return signal(3, loops) == (sighandler_t)0;  // expect: posix.signal-handler
}
static void locks(int s) { static pthread_mutex_t m; pthread_mutex_lock(&m); pthread_mutex_unlock(&m); }
void set_locks(void) {
	signal(3, locks);  // expect: posix.signal-handler
}
void not_set(int s) { printf("x"); }
void ignored(void) {
	signal(3, (sighandler_t)1);
}
static void counts(int s) { int i; for (i = 0; i < s; i++) stop++; }
void set_counts(void) {
	signal(3, counts);
}
static void chooses(int s) { if (s) stop = 1; else _exit(0); }
void set_chooses(void) {
	signal(3, chooses);
}
