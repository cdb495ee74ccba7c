// An allocation used untested.
#include "../include/kernel.h"

struct dev *bad(void) {
	struct dev *d = kmalloc(sizeof(*d), GFP_KERNEL);
	d->n = 0; // expect: linux-2.4.unchecked
	return d;
}
struct dev *good(void) {
	struct dev *d = kmalloc(sizeof(*d), GFP_KERNEL);
	if (d)
		d->n = 0;
	return d;
}
