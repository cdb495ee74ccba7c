// Restored by another function.
#include "../include/kernel.h"

void bad(unsigned long flags) {
	restore_flags(flags); // expect: linux-2.4.flags
}
void good(void) { unsigned long flags;
	save_flags(flags);
	cli();
	restore_flags(flags);
}
