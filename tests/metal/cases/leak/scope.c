// A block ends, and its variable with it.
#include <stddef.h>
void *malloc(size_t);
void free(void *);
size_t strlen(const char *);
int work(void);

void bad(int a)
{
	if (a) {
		char *p = malloc(8);
		if (p)
			work();
	} // expect: leak
	work();
}

void good(int a)
{
	if (a) {
		char *p = malloc(8);
		free(p);
	}
	work();
}
