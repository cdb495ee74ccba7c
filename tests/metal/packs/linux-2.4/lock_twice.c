// Taken twice.
#include "../include/kernel.h"

void bad(struct dev *d) {
	spin_lock(&d->lock);
	spin_lock(&d->lock); // expect: linux-2.4.lock
}
void good(struct dev *d) {
	spin_lock(&d->lock);
	spin_lock(&d->next->lock);
	spin_unlock(&d->next->lock);
	spin_unlock(&d->lock);
}
