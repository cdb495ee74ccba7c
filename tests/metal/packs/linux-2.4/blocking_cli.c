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
void sleep_on(void *);
void until_woken(struct dev *d) {
	unsigned long flags;
	save_flags(flags);
	cli();
	while (d->n)
		sleep_on(d);
	restore_flags(flags);
}
