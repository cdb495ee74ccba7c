// The error path frees again.
#include "../include/kernel.h"

int bad(struct dev *d) {
	kfree(d->buf);
	if (work())
		goto fail;
	return 0;
fail:
	kfree(d->buf); // expect: linux.free
	return -1;
}
int good(struct dev *d) {
	kfree(d->buf);
	d->buf = 0;
	if (work())
		goto fail;
	return 0;
fail:
	kfree(d->buf);
	return -1;
}
