// Saved twice in one variable.
#include "../include/kernel.h"

void bad(void) { unsigned long flags;
	save_flags(flags);
	cli();
	save_flags(flags); // expect: linux-2.4.flags
	cli();
	restore_flags(flags);
}
void good(void) { unsigned long flags, inner;
	save_flags(flags);
	cli();
	save_flags(inner);
	restore_flags(inner);
	restore_flags(flags);
}
