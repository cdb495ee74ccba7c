// A large variable.
#include "../include/kernel.h"

int bad(void) {
	char page[4096]; // expect: linux-2.4.stack
	page[0] = 0;
	return page[0];
}
int good(void) {
	static char page[4096];
	char small[64];
	small[0] = page[0] = 0;
	return small[0];
}
