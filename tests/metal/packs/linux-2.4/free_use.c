// Used after it was freed.
#include "../include/kernel.h"

int bad(struct dev *d) {
	kfree(d);
	return d->n; // expect: linux-2.4.free
}
int good(struct dev *d) {
	int n = d->n;
	kfree(d);
	return n;
}
