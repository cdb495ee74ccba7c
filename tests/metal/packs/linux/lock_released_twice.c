// Released twice.
#include "../include/kernel.h"

void bad(struct dev *d, int a) {
	spin_lock(&d->lock);
	if (a)
		spin_unlock(&d->lock);
	spin_unlock(&d->lock); // expect: linux.lock
}
void good(struct dev *d) {
	spin_lock(&d->lock);
	spin_unlock(&d->lock);
	work();
	spin_lock(&d->lock);
	spin_unlock(&d->lock);
}
