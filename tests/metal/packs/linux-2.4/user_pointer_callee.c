// Dereferenced in the callee.
#include "../include/kernel.h"

struct req { int n; };
static int first(struct req *r) { return r->n; } // expect: linux-2.4.user-pointer
long bad(struct req *u) {
	struct req k;
	if (copy_from_user(&k, u, sizeof(k)))
		return -14;
	return first(u);
}
long good(struct req *u) {
	struct req k;
	if (copy_from_user(&k, u, sizeof(k)))
		return -14;
	return first(&k);
}
