// The flags decide, through a wrapper.
#include "../include/kernel.h"

static void *get(size_t n, int gfp) { return kmalloc(n, gfp); }
void *bad(struct dev *d) {
	void *p;
	spin_lock(&d->lock);
	p = get(4, GFP_KERNEL); // expect: linux.blocking
	spin_unlock(&d->lock);
	return p;
}
void *good(struct dev *d) {
	void *p;
	spin_lock(&d->lock);
	p = get(4, GFP_ATOMIC);
	spin_unlock(&d->lock);
	return p;
}
