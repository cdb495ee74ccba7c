// Tested by a jump to the exit.
#include <stddef.h>
void *malloc(size_t);
int work(void);
struct s { int v; };

int bad(void)
{
	struct s *p = malloc(4);
	int r = -1;
	if (!p)
		goto out;
	r = 0;
out:
	p->v = r; // expect: null
	return r;
}

int good(void)
{
	struct s *p = malloc(4);
	int r = -1;
	if (!p)
		goto out;
	p->v = 1;
	r = 0;
out:
	return r;
}
