// The first half of a pair: its other half releases.
#include "../../include/kernel.h"

int list_start(struct dev *d)
{
	mutex_lock(&d->mutex);
	return 0;
}
int list_open(struct dev *d)
{
	mutex_lock(&d->mutex);
	return 0; // expect: linux.lock
}
