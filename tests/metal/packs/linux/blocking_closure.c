// Sleeping three calls down.
#include "../include/kernel.h"

static void c(void) { schedule(); }
static void b(int n) { if (n) c(); }
void bad(struct dev *d) {
	spin_lock(&d->lock);
	b(d->n); // expect: linux.blocking
	spin_unlock(&d->lock);
}
void good(struct dev *d) {
	spin_lock(&d->lock);
	work();
	spin_unlock(&d->lock);
	b(d->n);
}
