// The only name of the memory gets another value.
#include <stddef.h>
void *malloc(size_t);
void free(void *);
size_t strlen(const char *);
int work(void);

int bad(char *other)
{
	char *p = malloc(8);
	if (!p)
		return -1;
	p = other; // expect: leak
	return p != 0;
}

int good(char *other)
{
	char *p = malloc(8);
	if (!p)
		return -1;
	char *q = p;
	p = other;
	free(q);
	return p != 0;
}
