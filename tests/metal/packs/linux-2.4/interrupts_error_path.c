// Off on the error path.
#include "../include/kernel.h"

int bad(struct dev *d) { unsigned long flags;
	save_flags(flags);
	cli();
	if (d->n)
		return -1; // expect: linux-2.4.interrupts
	restore_flags(flags);
	return 0;
}
int good(struct dev *d) { unsigned long flags; int r = 0;
	save_flags(flags);
	cli();
	if (d->n)
		r = -1;
	restore_flags(flags);
	return r;
}
#define safe_halt() __asm__ volatile("sti; hlt" : : : "memory")
/* Halts until the next one: they are on again then. */
void idle(int resched) {
	cli();
	if (!resched)
		safe_halt();
	else
		sti();
}
void idle_wrong(int resched) {
	cli();
	if (!resched)
		safe_halt();
} // expect: linux-2.4.interrupts
