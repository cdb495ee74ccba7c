// An inline function of a header, used by two files.
#include "h.h"

int b(lock_t *l)
{
	if (enter(l))
		return -1;
	unlock(l);
	return 0;
}
