// A mutex.
#include <stddef.h>
void *malloc(size_t); void *calloc(size_t, size_t); void free(void *); char *strdup(const char *);
int open(const char *, int, ...); int close(int); long read(int, void *, size_t); int fstat(int, void *);
typedef struct { int v; } pthread_mutex_t;
int pthread_mutex_lock(pthread_mutex_t *); int pthread_mutex_unlock(pthread_mutex_t *); int pthread_mutex_trylock(pthread_mutex_t *);
int setuid(unsigned); int chdir(const char *); int chroot(const char *); int printf(const char *, ...);
typedef void (*sighandler_t)(int); sighandler_t signal(int, sighandler_t);
int work(void);
struct s { int n; char *name; };

int bad(pthread_mutex_t *m) {
	pthread_mutex_lock(m);
	if (work())
		return 1; // expect: posix.mutex
	pthread_mutex_unlock(m);
	return 0;
}
int good(pthread_mutex_t *m) {
	if (pthread_mutex_trylock(m) != 0)
		return 1;
	pthread_mutex_unlock(m);
	return 0;
}
