// A mutex under a spin lock.
#include "../include/kernel.h"

void bad(struct dev *d, struct mutex *m) {
	spin_lock(&d->lock);
	mutex_lock(m); // expect: linux.blocking
	mutex_unlock(m);
	spin_unlock(&d->lock);
}
void good(struct dev *d, struct mutex *m) {
	mutex_lock(m);
	spin_lock(&d->lock);
	spin_unlock(&d->lock);
	mutex_unlock(m);
}
