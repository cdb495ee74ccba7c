// A mutex.
#include "../include/posix.h"

int bad(pthread_mutex_t *m) {
	pthread_mutex_lock(m);
	if (work())
		return 1; // expect: posix.mutex
	pthread_mutex_unlock(m);
	return 0;
}
int good(pthread_mutex_t *m) {
	if (pthread_mutex_trylock(m) != 0)
		return 1;
	pthread_mutex_unlock(m);
	return 0;
}
