// An inline function of a header, used by two files.
#include "h.h"

int a(lock_t *l)
{
	if (enter(l))
		return -1;
	work();
	return 0; // expect: lock
}
