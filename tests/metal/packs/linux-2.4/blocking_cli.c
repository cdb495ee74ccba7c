// Sleeping with interrupts off.
#include "../include/kernel.h"

void bad(void) {
	cli();
	schedule(); // expect: linux-2.4.blocking
	sti();
}
void good(void) {
	cli();
	work();
	sti();
	schedule();
}
