// A sleeping allocation under a lock.
#include "../include/kernel.h"

void *bad(struct dev *d) {
	void *p;
	spin_lock(&d->lock);
	p = kmalloc(4, GFP_KERNEL); // expect: linux-2.4.blocking
	spin_unlock(&d->lock);
	return p;
}
void *good(struct dev *d) {
	void *p;
	spin_lock(&d->lock);
	p = kmalloc(4, GFP_ATOMIC);
	spin_unlock(&d->lock);
	return p;
}
