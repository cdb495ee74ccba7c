// Many middling ones.
#include "../include/kernel.h"

int bad(void) { // expect: linux-2.4.stack
	char a[600], b[600], c[600], d[600];
	a[0] = b[0] = c[0] = d[0] = 0;
	return a[0];
}
int good(void) {
	char a[600], b[600];
	a[0] = b[0] = 0;
	return a[0];
}
