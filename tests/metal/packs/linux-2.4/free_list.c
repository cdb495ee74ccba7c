// A list freed while walked.
#include "../include/kernel.h"

void bad(struct dev *d) {
	for (; d; d = d->next) // expect: linux-2.4.free
		kfree(d);
}
void good(struct dev *d) {
	struct dev *next;
	for (; d; d = next) {
		next = d->next;
		kfree(d);
	}
}
