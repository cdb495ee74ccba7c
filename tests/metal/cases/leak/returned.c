// What is returned is the caller's.
#include <stddef.h>
void *malloc(size_t);
void free(void *);
size_t strlen(const char *);
int work(void);

char *make(int a)
{
	char *p = malloc(8);
	if (!p)
		return NULL;
	if (a)
		p[0] = 1;
	return p;
}

int bad(void)
{
	char *p = make(1);
	if (!p)
		return -1;
	return (int)strlen(p); // expect: leak
}

int good(void)
{
	char *p = make(1);
	if (!p)
		return -1;
	int n = (int)strlen(p);
	free(p);
	return n;
}
