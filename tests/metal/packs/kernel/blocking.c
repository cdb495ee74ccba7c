// Nothing that may sleep under a spin lock or with interrupts off.
#include "../include/kernel.h"

void direct(struct dev *d) {
	spin_lock(&d->lock);
	schedule(); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void direct_after(struct dev *d) {
	spin_lock(&d->lock);
	spin_unlock(&d->lock);
	schedule();
}
void allocation(struct dev *d) {
	spin_lock(&d->lock);
	d->buf = kmalloc(1, GFP_KERNEL); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void allocation_atomic(struct dev *d) {
	spin_lock(&d->lock);
	d->buf = kmalloc(1, GFP_ATOMIC);
	spin_unlock(&d->lock);
}
void copy(struct dev *d, char *to) {
	unsigned long flags;
	spin_lock_irqsave(&d->lock, flags);
	copy_to_user(to, d->buf, 10); // expect: linux.blocking linux-2.4.blocking
	spin_unlock_irqrestore(&d->lock, flags);
}
void copy_outside(struct dev *d, char *to) {
	char buf[10];
	unsigned long flags;
	spin_lock_irqsave(&d->lock, flags);
	memcpy(buf, d->buf, 10);
	spin_unlock_irqrestore(&d->lock, flags);
	copy_to_user(to, buf, 10);
}
static void slow(struct dev *d) { down(d); }
static void slower(struct dev *d) { if (d->n) slow(d); }
void deep(struct dev *d) {
	spin_lock(&d->lock);
	slower(d); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void deep_before(struct dev *d) {
	slower(d);
	spin_lock(&d->lock);
	spin_unlock(&d->lock);
}
static void *get(int flags) { return kmalloc(10, flags); }
void wrapped(struct dev *d) {
	spin_lock(&d->lock);
	d->buf = get(GFP_KERNEL); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void wrapped_atomic(struct dev *d) {
	spin_lock(&d->lock);
	d->buf = get(GFP_ATOMIC);
	spin_unlock(&d->lock);
}
void second_lock(struct dev *d) {
	spin_lock(&d->lock);
	spin_lock(&d->other);
	spin_unlock(&d->other);
	schedule(); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void both_gone(struct dev *d) {
	spin_lock(&d->lock);
	spin_lock(&d->other);
	spin_unlock(&d->other);
	spin_unlock(&d->lock);
	schedule();
}
static void under(struct dev *d) { d->buf = vmalloc(100); }
void callee_under(struct dev *d) {
	spin_lock(&d->lock);
	under(d); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void one_path(struct dev *d) {
	spin_lock(&d->lock);
	if (d->n)
		schedule(); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void one_path_unlocked(struct dev *d) {
	spin_lock(&d->lock);
	if (d->n) {
		spin_unlock(&d->lock);
		schedule();
		spin_lock(&d->lock);
	}
	spin_unlock(&d->lock);
}
void loop(struct dev *d) {
	int i;
	spin_lock(&d->lock);
	for (i = 0; i < d->n; i++)
		get_user(i, (int *)d->buf); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void skbs(struct dev *d) {
	spin_lock(&d->lock);
	d->skb = alloc_skb(100, GFP_KERNEL); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void skbs_atomic(struct dev *d) {
	spin_lock(&d->lock);
	d->skb = alloc_skb(100, GFP_ATOMIC);
	spin_unlock(&d->lock);
}
void chosen(struct dev *d, int atomic) {
	int flags = atomic ? GFP_ATOMIC : GFP_KERNEL;
	if (atomic)
		spin_lock(&d->lock);
	d->buf = kmalloc(1, flags);
	if (atomic)
		spin_unlock(&d->lock);
}
void in_bh(struct dev *d) {
	spin_lock_bh(&d->lock);
	down(d); // expect: linux.blocking linux-2.4.blocking
	spin_unlock_bh(&d->lock);
}
void quick(struct dev *d) {
	spin_lock_bh(&d->lock);
	work();
	up(d);
	spin_unlock_bh(&d->lock);
}
static void rests_unlocked(struct dev *d) {
	spin_unlock(&d->lock);
	schedule();
	spin_lock(&d->lock);
}
void drops_first(struct dev *d) {
	spin_lock(&d->lock);
	rests_unlocked(d);
	spin_unlock(&d->lock);
}
static void rests_after_own(struct dev *d) {
	spin_lock(&d->other);
	spin_unlock(&d->other);
	schedule();
}
void own_is_another(struct dev *d) {
	spin_lock(&d->lock);
	rests_after_own(d); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
static int op_waits(struct dev *d) { schedule(); return 0; }
static int op_counts(struct dev *d) { return d->n; }
void choose(struct dev *d, int n) { d->op = n ? op_waits : op_counts; }
static int ask(struct dev *d) { return d->op(d); } // expect: linux.blocking linux-2.4.blocking
static int ask_unlocked(struct dev *d) { return d->op(d); }
void by_pointer(struct dev *d) {
	spin_lock(&d->lock);
	d->op(d); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void by_pointer_below(struct dev *d) {
	spin_lock(&d->lock);
	ask(d);
	spin_unlock(&d->lock);
}
void by_pointer_after(struct dev *d) {
	spin_lock(&d->lock);
	spin_unlock(&d->lock);
	ask_unlocked(d);
}
/* The end of all things may sync disks on the way. */
void sys_sync(void);
void panic(const char *why, ...) { if (work()) schedule(); for (;;) work(); }
static void checks(struct dev *d) { if (d->n < 0) panic("no such device"); d->n++; }
void panics_locked(struct dev *d) {
	spin_lock(&d->lock);
	checks(d);
	spin_unlock(&d->lock);
}
/* The caller says that it must not sleep, and that is what the callee asks. */
static void delivers(struct dev *d, int atomic) {
	if (!atomic)
		schedule();
	d->n++;
}
void to_all(struct dev *d, int atomic) {
	if (atomic)
		spin_lock(&d->lock);
	delivers(d, atomic);
	if (atomic)
		spin_unlock(&d->lock);
}
