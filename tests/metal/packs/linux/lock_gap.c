// Dropped around a slow call.
#include "../include/kernel.h"

int bad(struct dev *d) {
	spin_lock(&d->lock);
	while (d->n) {
		spin_unlock(&d->lock);
		if (work())
			return 0;
		spin_lock(&d->lock);
	}
	return 1; // expect: linux.lock
}
int good(struct dev *d) {
	spin_lock(&d->lock);
	while (d->n) {
		spin_unlock(&d->lock);
		if (work())
			return 0;
		spin_lock(&d->lock);
	}
	spin_unlock(&d->lock);
	return 1;
}
