// The result of an allocator is passed on at once.
#include <stddef.h>
void *malloc(size_t);
void free(void *);
size_t strlen(const char *);
int work(void);

static void *grab(size_t n)
{
	return malloc(n);
}

int bad(void)
{
	char *p = grab(4);
	if (!p)
		return -1;
	return p[0]; // expect: leak
}

int good(void)
{
	char *p = grab(4);
	if (!p)
		return -1;
	free(p);
	return 0;
}
