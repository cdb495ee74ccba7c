// What is taken within a primitive is its own: locks, interrupts and sleep are the caller's.
#include "../include/kernel.h"

static spinlock_t mine;
void rcu_read_unlock(void) { if (work()) spin_lock(&mine); }
void frobnicate(void) { if (work()) spin_lock(&mine); }

int read_and_wait(struct dev *d)
{
	rcu_read_unlock();
	msleep(d->n);
	return 0;
}
int frobnicate_and_wait(struct dev *d)
{
	frobnicate();
	msleep(d->n); // expect: linux.blocking
	return 0; // expect: linux.lock
}
// Saved by hand, the lock taken plainly, and both given back at once.
int saved_by_hand(struct dev *d)
{
	unsigned long flags;
	local_irq_save(flags);
	spin_lock(&d->lock);
	d->n = 0;
	spin_unlock_irqrestore(&d->lock, flags);
	msleep(1);
	return 0;
}
int saved_twice(struct dev *d)
{
	unsigned long flags, inner;
	local_irq_save(flags);
	spin_lock_irqsave(&d->lock, inner);
	spin_unlock_irqrestore(&d->lock, inner);
	msleep(1); // expect: linux.blocking
	return 0; // expect: linux.interrupts
}
