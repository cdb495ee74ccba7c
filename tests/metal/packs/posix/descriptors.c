// Descriptors are closed on every path, once.
#include "../include/posix.h"

int lost(const char *p, char *b) {
	int fd = open(p, O_RDONLY);
	if (fd < 0)
		return -1;
	if (read(fd, b, 1) < 0)
		return -1;  // expect: posix.descriptor
	close(fd);
	return 0;
}
int closed(const char *p, char *b) {
	int fd = open(p, O_RDONLY);
	long n;
	if (fd < 0)
		return -1;
	n = read(fd, b, 1);
	close(fd);
	return n < 0;
}
int of_socket(void) {
	int fd = socket(1, 2, 3);
	if (fd == -1)
		return 1;
	return work();  // expect: posix.descriptor
}
int of_socket_kept(void) {
	int fd = socket(1, 2, 3);
	if (fd == -1)
		return 1;
	keep_fd(fd);
	return work();
}
int twice(int n) {
	int fd = dup(n);
	close(fd);
	close(fd);  // expect: posix.descriptor
	return 0;
}
int once(int n) {
	int fd = dup(n);
	if (fd >= 0)
		close(fd);
	return 0;
}
long after(const char *p, char *b) {
	int fd = open(p, O_RDONLY);
	close(fd);
	return read(fd, b, 1);  // expect: posix.descriptor
}
long before(const char *p, char *b) {
	int fd = open(p, O_RDONLY);
	long n = read(fd, b, 1);
	close(fd);
	return n;
}
int stored(struct s *s, const char *p) {
	s->fd = open(p, O_RDONLY);
	return s->fd < 0;
}
int returned(const char *p) {
	int fd = open(p, O_RDONLY);
	return fd;
}
int loop(const char **p, char *b) {
	int i;
	for (i = 0; p[i]; i++) {
		int fd = open(p[i], O_RDONLY);
		if (fd < 0)
			continue;
		if (read(fd, b, 1) != 1)
			break;  // expect: posix.descriptor
		close(fd);
	}
	return 0;
}
int loop_closed(const char **p, char *b) {
	int i;
	for (i = 0; p[i]; i++) {
		int fd = open(p[i], O_RDONLY);
		if (fd < 0)
			continue;
		read(fd, b, 1);
		close(fd);
	}
	return 0;
}
int overwritten(const char *p, const char *q) {
	int fd = open(p, O_RDONLY);
	fd = open(q, O_RDONLY);  // expect: posix.descriptor
	if (fd >= 0)
		close(fd);
	return 0;
}
int one_after_the_other(const char *p, const char *q) {
	int fd = open(p, O_RDONLY);
	if (fd >= 0)
		close(fd);
	fd = open(q, O_RDONLY);
	if (fd >= 0)
		close(fd);
	return 0;
}
int goes(const char *p, char *b) {
	int r = -1, fd = open(p, O_RDONLY);
	if (fd < 0)
		goto out;
	if (fstat(fd, b))
		goto out;
	r = 0;
	close(fd);
out:
	return r;  // expect: posix.descriptor
}
int goes_right(const char *p, char *b) {
	int r = -1, fd = open(p, O_RDONLY);
	if (fd < 0)
		goto out;
	if (fstat(fd, b))
		goto shut;
	r = 0;
shut:
	close(fd);
out:
	return r;
}
static void shut(int fd) { close(fd); }
int by_helper(const char *p) {
	int fd = open(p, O_RDONLY);
	if (fd < 0)
		return 1;
	shut(fd);
	return 0;
}
int written_after(const char *p) {
	int fd = open(p, O_RDONLY);
	if (fd < 0)
		return -1;
	close(fd);
	write(fd, p, 1);  // expect: posix.descriptor
	return 0;
}
int switched(const char *p, int what) {
	int fd = open(p, O_RDONLY);
	if (fd < 0)
		return -1;
	switch (what) {
	case 1:
		close(fd);
		return 0;
	case 2:
		return 2;  // expect: posix.descriptor
	}
	close(fd);
	return 1;
}
int second_fails(const char *p, const char *q) {
	int a = open(p, O_RDONLY), b;
	if (a < 0)
		return -1;
	b = open(q, O_RDONLY);
	if (b < 0)
		return -2;  // expect: posix.descriptor
	close(b);
	close(a);
	return 0;
}
