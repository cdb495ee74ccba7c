// The test is the wrong way round.
#include <stddef.h>
void *malloc(size_t);
int work(void);
struct s { int v; };

int bad(void)
{
	struct s *p = malloc(4);
	if (!p)
		return p->v; // expect: null
	return 0;
}

int good(void)
{
	struct s *p = malloc(4);
	if (p)
		return p->v;
	return 0;
}
