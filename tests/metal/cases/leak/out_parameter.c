// Handed out through a pointer.
#include <stddef.h>
void *malloc(size_t);
void free(void *);
size_t strlen(const char *);
int work(void);

static int make(char **out)
{
	char *p = malloc(8);
	if (!p)
		return -1;
	*out = p;
	return 0;
}

int bad(void)
{
	char *s;
	if (make(&s))
		return -1;
	return (int)strlen(s); // expect: leak
}

int good(void)
{
	char *s;
	if (make(&s))
		return -1;
	free(s);
	return 0;
}
