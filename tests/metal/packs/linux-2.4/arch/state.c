// Under arch/ interrupts are off because this is where they are turned off.
#include "../../include/kernel.h"

void restores(unsigned long flags) {
	switch (flags) {
	case 2:
		cli();
		break;
	case 3:
		sti();
		break;
	}
}
void handles(void) {
	local_irq_disable();
	work();
}
