#include "../../include/kernel.h"
extern inline __attribute__((gnu_inline)) int position(struct dev *d) { schedule(); return d->n; }
int under_lock_too(struct dev *d) {
	int n;
	spin_lock(&d->lock);
	n = position(d); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
	return n;
}
