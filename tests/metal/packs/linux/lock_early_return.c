// A lock held at an early return.
#include "../include/kernel.h"

int bad(struct dev *d) { unsigned long f;
	spin_lock_irqsave(&d->lock, f);
	if (d->n)
		return -1; // expect: linux.lock
	spin_unlock_irqrestore(&d->lock, f);
	return 0;
}
int good(struct dev *d) { unsigned long f; int r = 0;
	spin_lock_irqsave(&d->lock, f);
	if (d->n)
		r = -1;
	spin_unlock_irqrestore(&d->lock, f);
	return r;
}
