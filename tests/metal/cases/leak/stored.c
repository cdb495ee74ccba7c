// What is stored where others can reach it is not lost.
#include <stddef.h>
void *malloc(size_t);
void free(void *);
size_t strlen(const char *);
int work(void);

struct box { char *data; };

int bad(struct box *b)
{
	char *p = malloc(8);
	if (!p)
		return -1;
	b->data = 0;
	return 0; // expect: leak
}

int good(struct box *b)
{
	char *p = malloc(8);
	if (!p)
		return -1;
	b->data = p;
	return 0;
}
