// A user copy may fault and sleep.
#include "../include/kernel.h"

long bad(struct dev *d, char *u) {
	long r;
	spin_lock(&d->lock);
	r = copy_to_user(u, &d->n, 4); // expect: linux.blocking
	spin_unlock(&d->lock);
	return r;
}
long good(struct dev *d, char *u) {
	int n;
	spin_lock(&d->lock);
	n = d->n;
	spin_unlock(&d->lock);
	return copy_to_user(u, &n, 4);
}
