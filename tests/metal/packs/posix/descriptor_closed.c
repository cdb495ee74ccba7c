// Read after close.
#include "../include/posix.h"

long bad(int fd0, const char *path, char *b) {
	int fd = open(path, 0);
	close(fd);
	return read(fd, b, 1); // expect: posix.descriptor
}
long good(const char *path, char *b) {
	int fd = open(path, 0);
	long r = read(fd, b, 1);
	close(fd);
	return r;
}
