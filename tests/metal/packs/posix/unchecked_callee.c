// Passed to a function that uses it.
#include "../include/posix.h"

static void init(struct s *p) { p->n = 1; } // expect: posix.malloc-unchecked
struct s *bad(void) {
	struct s *p = malloc(sizeof(*p));
	init(p);
	return p;
}
struct s *good(void) {
	struct s *p = malloc(sizeof(*p));
	if (p)
		init(p);
	return p;
}
