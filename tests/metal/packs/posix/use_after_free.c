// Used after free.
#include "../include/posix.h"

int bad(struct s *p) {
	free(p);
	return p->n; // expect: posix.free
}
int good(struct s *p) {
	free(p->name);
	p->name = NULL;
	return p->n;
}
