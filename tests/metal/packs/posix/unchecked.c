// malloc may fail.
#include "../include/posix.h"

struct s *bad(void) {
	struct s *p = malloc(sizeof(*p));
	p->n = 1; // expect: posix.malloc-unchecked
	return p;
}
struct s *good(void) {
	struct s *p = malloc(sizeof(*p));
	if (p == NULL)
		return NULL;
	p->n = 1;
	return p;
}
