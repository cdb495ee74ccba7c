// An early return loses the memory.
#include <stddef.h>
void *malloc(size_t);
void free(void *);
size_t strlen(const char *);
int work(void);

int bad(int a)
{
	char *p = malloc(8);
	if (!p)
		return -1;
	if (a)
		return -2; // expect: leak
	free(p);
	return 0;
}

int good(int a)
{
	char *p = malloc(8);
	if (!p)
		return -1;
	if (a) {
		free(p);
		return -2;
	}
	free(p);
	return 0;
}
