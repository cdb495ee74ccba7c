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
/* The copy functions are told to take kernel pointers. */
void set_fs(int); int get_fs(void);
long route_ioctl(void *arg, int *kernel) { return copy_from_user(kernel, arg, sizeof(int)); }
int adds_route(void) {
	int route = 1, out, fs = get_fs();
	set_fs(0);
	route_ioctl(&route, &out);
	set_fs(fs);
	return route + out;
}
int reads_twice(int *arg, int *kernel) {
	set_fs(0);
	if (copy_from_user(kernel, arg, sizeof(int)))
		return -1;
	return *arg;
}
