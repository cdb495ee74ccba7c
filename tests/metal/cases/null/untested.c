// Used without a test.
#include <stddef.h>
void *malloc(size_t);
int work(void);
struct s { int v; };

int bad(void)
{
	struct s *p = malloc(4);
	return p->v; // expect: null
}

int good(void)
{
	struct s *p = malloc(4);
	return p ? p->v : 0;
}
