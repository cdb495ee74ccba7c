// Interrupts that a function turns off are on again.
#include "../include/kernel.h"

int early(struct dev *d) {
	unsigned long flags;
	local_irq_save(flags);
	if (d->n)
		return 1; // expect: linux.interrupts linux-2.4.interrupts
	local_irq_restore(flags);
	return 0;
}
int early_right(struct dev *d) {
	unsigned long flags;
	int r = 0;
	local_irq_save(flags);
	if (d->n)
		r = 1;
	local_irq_restore(flags);
	return r;
}
void never(struct dev *d) {
	local_irq_disable();
	d->n = 1;
} // expect: linux.interrupts linux-2.4.interrupts
void always(struct dev *d) {
	local_irq_disable();
	d->n = 1;
	local_irq_enable();
}
int goes(struct dev *d) {
	local_irq_disable();
	if (work())
		goto out;
	local_irq_enable();
	return 0;
out:
	return -1; // expect: linux.interrupts linux-2.4.interrupts
}
int goes_right(struct dev *d) {
	local_irq_disable();
	if (work())
		goto out;
	d->n = 1;
out:
	local_irq_enable();
	return -1;
}
int loop(struct dev *d) {
	unsigned long flags;
	while (d->n) {
		local_irq_save(flags);
		if (work())
			break;
		local_irq_restore(flags);
	}
	return 0; // expect: linux.interrupts linux-2.4.interrupts
}
int loop_right(struct dev *d) {
	unsigned long flags;
	while (d->n) {
		local_irq_save(flags);
		work();
		local_irq_restore(flags);
	}
	return 0;
}
int choice(struct dev *d, int what) {
	local_irq_disable();
	switch (what) {
	case 1:
		local_irq_enable();
		return 1;
	case 2:
		return 2; // expect: linux.interrupts linux-2.4.interrupts
	}
	local_irq_enable();
	return 0;
}
int choice_right(struct dev *d, int what) {
	local_irq_disable();
	switch (what) {
	case 1:
		d->n = 1;
		break;
	default:
		d->n = 2;
	}
	local_irq_enable();
	return 0;
}
static void off(void) { local_irq_disable(); }
static void on(void) { local_irq_enable(); }
int helpers(struct dev *d) {
	off();
	if (d->n)
		return 1; // expect: linux.interrupts linux-2.4.interrupts
	on();
	return 0;
}
int helpers_right(struct dev *d) {
	off();
	d->n = 1;
	on();
	return 0;
}
void conditional(struct dev *d, int quiet) {
	if (quiet)
		local_irq_disable();
	work();
	if (quiet)
		local_irq_enable();
}
void conditional_wrong(struct dev *d, int quiet) {
	if (quiet)
		local_irq_disable();
	work();
	if (!quiet)
		local_irq_enable();
} // expect: linux.interrupts linux-2.4.interrupts
int tests(struct dev *d) {
	unsigned long flags;
	local_irq_save(flags);
	if (work() < 0 || d->n)
		return -1; // expect: linux.interrupts linux-2.4.interrupts
	local_irq_restore(flags);
	return 0;
}
int tests_right(struct dev *d) {
	unsigned long flags;
	if (work() < 0 || d->n)
		return -1;
	local_irq_save(flags);
	local_irq_restore(flags);
	return 0;
}
void again(struct dev *d) {
	local_irq_disable();
	local_irq_enable();
	local_irq_disable();
	d->n++;
} // expect: linux.interrupts linux-2.4.interrupts
void locked(struct dev *d) {
	unsigned long flags;
	spin_lock_irqsave(&d->lock, flags);
	if (d->n)
		work();
	spin_unlock_irqrestore(&d->lock, flags);
}
void stops(struct dev *d) {
	local_irq_disable();
	panic("%d", d->n);
}
int second_time(struct dev *d, int n) {
	local_irq_disable();
	if (n > 3) {
		local_irq_enable();
		return 1;
	}
	if (n > 2)
		return 2; // expect: linux.interrupts linux-2.4.interrupts
	local_irq_enable();
	return 0;
}
void spin_unlock_irq(spinlock_t *);
void turned_on_by_unlock(struct dev *d) {
	local_irq_disable();
	spin_lock(&d->lock);
	spin_unlock_irq(&d->lock);
}
