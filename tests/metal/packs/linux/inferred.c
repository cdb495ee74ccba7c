// Nine test, the tenth does not.
#include "../include/kernel.h"

struct dev *find(int);
int u0(void) { struct dev *d = find(0); if (!d) return 0; return d->n; }
int u1(void) { struct dev *d = find(1); if (!d) return 0; return d->n; }
int u2(void) { struct dev *d = find(2); if (!d) return 0; return d->n; }
int u3(void) { struct dev *d = find(3); if (!d) return 0; return d->n; }
int u4(void) { struct dev *d = find(4); if (!d) return 0; return d->n; }
int u5(void) { struct dev *d = find(5); if (!d) return 0; return d->n; }
int u6(void) { struct dev *d = find(6); if (!d) return 0; return d->n; }
int u7(void) { struct dev *d = find(7); if (!d) return 0; return d->n; }
int u8(void) { struct dev *d = find(8); if (!d) return 0; return d->n; }
int u9(void) { struct dev *d = find(9); if (!d) return 0; return d->n; }

int bad(void) {
	struct dev *d = find(99);
	return d->n; // expect: linux.inferred-check
}
