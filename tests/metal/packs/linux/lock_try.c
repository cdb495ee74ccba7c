// A try that fails leaves nothing to release.
#include "../include/kernel.h"

int bad(struct dev *d) {
	if (!spin_trylock(&d->lock))
		return -1;
	return 0; // expect: linux.lock
}
int good(struct dev *d) {
	if (!spin_trylock(&d->lock))
		return -1;
	spin_unlock(&d->lock);
	return 0;
}
