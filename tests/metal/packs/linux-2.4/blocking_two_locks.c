// The outer lock is still held.
#include "../include/kernel.h"

void bad(struct dev *d, struct dev *e) {
	spin_lock(&d->lock);
	spin_lock(&e->lock);
	spin_unlock(&e->lock);
	schedule(); // expect: linux-2.4.blocking
	spin_unlock(&d->lock);
}
void good(struct dev *d, struct dev *e) {
	spin_lock(&d->lock);
	spin_lock(&e->lock);
	spin_unlock(&e->lock);
	spin_unlock(&d->lock);
	schedule();
}
