// Taken one way, released the other.
#include "../include/kernel.h"

void bad(struct dev *d) {
	read_lock(&d->rw);
	write_unlock(&d->rw); // expect: linux-2.4.rwlock
}
void good(struct dev *d) {
	read_lock(&d->rw);
	read_unlock(&d->rw);
	write_lock(&d->rw);
	write_unlock(&d->rw);
}
