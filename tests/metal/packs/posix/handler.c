// printf in a handler.
#include <stddef.h>
void *malloc(size_t); void *calloc(size_t, size_t); void free(void *); char *strdup(const char *);
int open(const char *, int, ...); int close(int); long read(int, void *, size_t); int fstat(int, void *);
typedef struct { int v; } pthread_mutex_t;
int pthread_mutex_lock(pthread_mutex_t *); int pthread_mutex_unlock(pthread_mutex_t *); int pthread_mutex_trylock(pthread_mutex_t *);
int setuid(unsigned); int chdir(const char *); int chroot(const char *); int printf(const char *, ...);
typedef void (*sighandler_t)(int); sighandler_t signal(int, sighandler_t);
int work(void);
struct s { int n; char *name; };

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
