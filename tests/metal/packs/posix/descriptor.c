// A descriptor left open.
#include "../include/posix.h"

int bad(const char *path, char *b) {
	int fd = open(path, 0);
	if (fd < 0)
		return -1;
	if (read(fd, b, 10) < 0)
		return -2; // expect: posix.descriptor
	close(fd);
	return 0;
}
int good(const char *path, char *b) {
	int fd = open(path, 0);
	int r = 0;
	if (fd < 0)
		return -1;
	if (read(fd, b, 10) < 0)
		r = -2;
	close(fd);
	return r;
}
