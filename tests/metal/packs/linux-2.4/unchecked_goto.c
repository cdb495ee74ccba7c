// Tested by a jump.
#include "../include/kernel.h"

int bad(struct dev **out) {
	struct dev *d = kmalloc(sizeof(*d), GFP_KERNEL);
	if (d == 0)
		goto fail;
	*out = d;
	return 0;
fail:
	return d->n; // expect: linux-2.4.unchecked
}
int good(struct dev **out) {
	struct dev *d = kmalloc(sizeof(*d), GFP_KERNEL);
	if (d == 0)
		goto fail;
	d->n = 1;
	*out = d;
	return 0;
fail:
	return -12;
}
