// Compared with -1, as many do.
#include "../include/posix.h"

int bad(const char *path) {
	int fd = open(path, 0);
	if (fd == -1)
		return -1;
	return 0; // expect: posix.descriptor
}
int good(const char *path) {
	int fd = open(path, 0);
	if (fd == -1)
		return -1;
	return fd;
}
