// Interrupts off at an exit.
#include "../include/kernel.h"

int bad(void) {
	local_irq_disable();
	if (work())
		return 1; // expect: linux.interrupts
	local_irq_enable();
	return 0;
}
int good(void) {
	local_irq_disable();
	work();
	local_irq_enable();
	return 0;
}
