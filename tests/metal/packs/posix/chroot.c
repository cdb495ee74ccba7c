// chroot without chdir.
#include "../include/posix.h"

int bad(const char *dir) {
	if (chroot(dir) != 0)
		return -1;
	return work(); // expect: posix.chroot
}
int good(const char *dir) {
	if (chroot(dir) != 0 || chdir("/") != 0)
		return -1;
	return work();
}
