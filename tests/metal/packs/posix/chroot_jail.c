// After chroot comes chdir.
#include "../include/posix.h"

int never(const char *d) {
	if (chroot(d))
		return 1;
	return 0;  // expect: posix.chroot
}
int moves(const char *d) {
	if (chroot(d))
		return 1;
	return chdir("/");
}
int before(const char *d) {
	if (chdir(d) || chroot(d))
		return 1;
	return 0;
}
int on_one_path(const char *d, int n) {
	if (chroot(d))
		return 1;
	if (n)
		chdir("/"); // expect: posix.unchecked
	return 0;  // expect: posix.chroot
}
int on_both(const char *d, int n) {
	if (chroot(d))
		return 1;
	return n ? chdir("/") : chdir("/tmp");
}
int early(const char *d) {
	if (chroot(d))
		return 1;
	if (work())
		return 2;  // expect: posix.chroot
	return chdir("/");
}
int late(const char *d) {
	int r;
	if (chroot(d))
		return 1;
	r = work();
	if (chdir("/"))
		return 2;
	return r;
}
int goes(const char *d) {
	if (chroot(d) != 0)
		goto out;
	if (work())
		goto out;
	return chdir("/");
out:
	return 1;  // expect: posix.chroot
}
static int inside(void) { return chdir("/"); }
int by_helper(const char *d) {
	if (chroot(d))
		return 1;
	return inside();
}
static int jail(const char *d) { return chroot(d); }
int helper_jails(const char *d) {
	if (jail(d))
		return 1;
	return 0;  // expect: posix.chroot
}
int helper_jails_right(const char *d) {
	if (jail(d))
		return 1;
	return chdir("/");
}
int loop(const char **d) {
	while (*d)
		if (chroot(*d++) == 0)
			break;
	return 0;  // expect: posix.chroot
}
int loop_right(const char **d) {
	while (*d)
		if (chroot(*d++) == 0)
			return chdir("/");
	return 1;
}
int by_case(const char *d, int w) {
	switch (w) {
	case 1:
		if (chroot(d))
			return 1;
		break;
	default:
		return chdir(d);
	}
	return 0;  // expect: posix.chroot
}
int by_case_right(const char *d, int w) {
	switch (w) {
	case 1:
		if (chroot(d))
			return 1;
		break;
	default:
		return 5;
	}
	return chdir("/");
}
void in_void(const char *d) {
	if (chroot(d) == 0)
		work();
}  // expect: posix.chroot
void in_void_right(const char *d) {
	if (chroot(d) == 0 && chdir("/") == 0)
		work();
}
int compared(const char *d) {
	if (chroot(d) == -1)
		return 1;
	work();
	return 0;  // expect: posix.chroot
}
int compared_right(const char *d) {
	if (chroot(d) == -1)
		return 1;
	if (chdir("/") == -1)
		return 1;
	return 0;
}
int nested(const char *d) {
	if (work()) {
		if (!chroot(d))
			return 7;  // expect: posix.chroot
	}
	return 0;
}
int nothing(const char *d) {
	return work();
}
