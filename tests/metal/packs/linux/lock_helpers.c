// A pair of helpers.
#include "../include/kernel.h"

static void begin(struct dev *d) { spin_lock(&d->lock); }
static void finish(struct dev *d) { spin_unlock(&d->lock); }
int bad(struct dev *d) {
	begin(d);
	if (work())
		return -1; // expect: linux.lock
	finish(d);
	return 0;
}
int good(struct dev *d) {
	begin(d);
	work();
	finish(d);
	return 0;
}
