/* The rules of pack posix across files: callers. */
#include "../../include/posix.h"
#include "shared.h"

int descriptor(void)
{
	int fd = open_log();
	if (fd < 0)
		return -1;
	if (work())
		return -2; // expect: posix.descriptor
	close(fd);
	return 0;
}
int descriptor_right(void)
{
	int fd = open_log();
	if (fd < 0)
		return -1;
	close_log(fd);
	return 0;
}
int unchecked(void)
{
	struct s *p = make();
	p->n = 1; // expect: posix.malloc-unchecked
	free(p);
	return 0;
}
int unchecked_right(void)
{
	struct s *p = make();
	if (!p)
		return -1;
	p->n = 1;
	free(p);
	return 0;
}
int freed(struct s *p)
{
	discard(p);
	return p->n; // expect: posix.free
}
int freed_right(struct s *p)
{
	int n = p->n;
	discard(p);
	return n;
}
int lost(void)
{
	struct s *p = make();
	if (!p)
		return -1;
	if (work())
		return -2; // expect: posix.leak
	discard(p);
	return 0;
}
int mutex(struct s *p)
{
	begin(p);
	if (work())
		return 1; // expect: posix.mutex
	finish(p);
	return 0;
}
int mutex_right(struct s *p)
{
	begin(p);
	work();
	finish(p);
	return 0;
}
void handler(void)
{
	signal(1, on_signal); // expect: posix.signal-handler
}
void handler_right(void)
{
	signal(1, on_signal_right);
}
int jail(const char *d)
{
	if (enter(d))
		return 1;
	return 0; // expect: posix.chroot
}
int jail_right(const char *d)
{
	if (enter(d))
		return 1;
	return inside();
}
