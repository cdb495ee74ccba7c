// A mutex.
#include "../include/kernel.h"

int bad(struct mutex *m) {
	mutex_lock(m);
	if (work())
		return -1; // expect: linux.lock
	mutex_unlock(m);
	return 0;
}
int good(struct mutex *m) {
	if (!mutex_trylock(m))
		return -1;
	mutex_unlock(m);
	return 0;
}
