/* What the rules of pack posix look at: declarations of the C library and POSIX. */
#pragma once
typedef unsigned long size_t;
#define NULL ((void *)0)
#define O_RDONLY 0
void *malloc(size_t); void *calloc(size_t, size_t); void *realloc(void *, size_t); void free(void *); char *strdup(const char *);
typedef struct file FILE;
FILE *fopen(const char *, const char *); int fclose(FILE *); int fgetc(FILE *); struct file { int pos; };
int open(const char *, int, ...); int close(int); long read(int, void *, size_t); long write(int, const void *, size_t); int fstat(int, void *);
int socket(int, int, int); int dup(int); int pipe(int *); int dup2(int, int); int ftruncate(int, long);
typedef struct { int v; } pthread_mutex_t;
int pthread_mutex_lock(pthread_mutex_t *); int pthread_mutex_unlock(pthread_mutex_t *); int pthread_mutex_trylock(pthread_mutex_t *);
int setuid(unsigned); int setgid(unsigned); int chdir(const char *); int chroot(const char *); int printf(const char *, ...);
typedef void (*sighandler_t)(int); sighandler_t signal(int, sighandler_t);
size_t strlen(const char *); void *memset(void *, int, size_t); char *strcpy(char *, const char *); int strcmp(const char *, const char *);
void exit(int); void _exit(int); void syslog(int, const char *, ...);
int work(void); void keep(void *); void keep_fd(int);
struct s { int n; char *name; struct s *next; int fd; pthread_mutex_t m, other; };
