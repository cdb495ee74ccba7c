// Privileges that were not dropped.
#include "../include/posix.h"

void bad(void) {
	setuid(1000); // expect: posix.unchecked
}
int good(void) {
	if (setuid(1000) != 0)
		return -1;
	return 0;
}
