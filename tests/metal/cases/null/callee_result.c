// A function that passes its allocation on.
#include <stddef.h>
void *malloc(size_t);
int work(void);
struct s { int v; };

static struct s *make(void)
{
	struct s *p = malloc(4);
	if (p)
		p->v = 1;
	return p;
}

int bad(void)
{
	struct s *p = make();
	return p->v; // expect: null
}

int good(void)
{
	struct s *p = make();
	if (!p)
		return 0;
	return p->v;
}
