// Allocated into a field.
#include "../include/kernel.h"

int bad(struct dev *d) {
	d->next = kmalloc(sizeof(*d), GFP_KERNEL);
	d->next->n = 1; // expect: linux-2.4.unchecked
	return 0;
}
int good(struct dev *d) {
	d->next = kmalloc(sizeof(*d), GFP_KERNEL);
	if (!d->next)
		return -12;
	d->next->n = 1;
	return 0;
}
