// Assigned inside the condition.
#include <stddef.h>
void *malloc(size_t);
int work(void);
struct s { int v; };

int bad(void)
{
	struct s *p;
	if ((p = malloc(4)) == NULL)
		work();
	return p->v; // expect: null
}

int good(void)
{
	struct s *p;
	if ((p = malloc(4)) == NULL)
		return 0;
	return p->v;
}
