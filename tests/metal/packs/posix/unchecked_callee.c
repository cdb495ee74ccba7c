// Passed to a function that uses it.
#include <stddef.h>
void *malloc(size_t); void *calloc(size_t, size_t); void free(void *); char *strdup(const char *);
int open(const char *, int, ...); int close(int); long read(int, void *, size_t); int fstat(int, void *);
typedef struct { int v; } pthread_mutex_t;
int pthread_mutex_lock(pthread_mutex_t *); int pthread_mutex_unlock(pthread_mutex_t *); int pthread_mutex_trylock(pthread_mutex_t *);
int setuid(unsigned); int chdir(const char *); int chroot(const char *); int printf(const char *, ...);
typedef void (*sighandler_t)(int); sighandler_t signal(int, sighandler_t);
int work(void);
struct s { int n; char *name; };

static void init(struct s *p) { p->n = 1; } // expect: posix.malloc-unchecked
struct s *bad(void) {
	struct s *p = malloc(sizeof(*p));
	init(p);
	return p;
}
struct s *good(void) {
	struct s *p = malloc(sizeof(*p));
	if (p)
		init(p);
	return p;
}
