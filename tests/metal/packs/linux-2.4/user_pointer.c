// Copied from, and also read directly.
#include "../include/kernel.h"

struct req { int n; char *p; };
long bad(struct req *u) {
	struct req k;
	if (copy_from_user(&k, u, sizeof(k)))
		return -14;
	return u->n; // expect: linux-2.4.user-pointer
}
long good(struct req *u) {
	struct req k;
	if (copy_from_user(&k, u, sizeof(k)))
		return -14;
	return k.n;
}
