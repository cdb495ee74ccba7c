// Saved processor flags.
#include "../include/kernel.h"

void a_twice(struct dev *d) {
	unsigned long f;
	save_flags(f);
	work();
	save_flags(f);  // expect: linux-2.4.flags
	restore_flags(f);
}
void a_two_variables(struct dev *d) {
	unsigned long f, g;
	save_flags(f);
	save_flags(g);
	restore_flags(g);
	restore_flags(f);
}
void a_in_turn(struct dev *d) {
	unsigned long f;
	save_flags(f);
	restore_flags(f);
	save_flags(f);
	restore_flags(f);
}
void a_elsewhere(struct dev *d, unsigned long f) {
	restore_flags(f);  // expect: linux-2.4.flags
}
void b_twice(struct dev *d) {
	unsigned long f;
	local_irq_save(f);
	work();
	save_flags(f);  // expect: linux-2.4.flags
	local_irq_restore(f);
}
void b_two_variables(struct dev *d) {
	unsigned long f, g;
	local_irq_save(f);
	save_flags(g);
	restore_flags(g);
	local_irq_restore(f);
}
void b_in_turn(struct dev *d) {
	unsigned long f;
	local_irq_save(f);
	local_irq_restore(f);
	local_irq_save(f);
	local_irq_restore(f);
}
void b_elsewhere(struct dev *d, unsigned long f) {
	local_irq_restore(f);  // expect: linux-2.4.flags
}
void c_twice(struct dev *d) {
	unsigned long f;
	spin_lock_irqsave(&d->lock, f);
	work();
	save_flags(f);  // expect: linux-2.4.flags
	spin_unlock_irqrestore(&d->lock, f);
}
void c_two_variables(struct dev *d) {
	unsigned long f, g;
	spin_lock_irqsave(&d->lock, f);
	save_flags(g);
	restore_flags(g);
	spin_unlock_irqrestore(&d->lock, f);
}
void c_in_turn(struct dev *d) {
	unsigned long f;
	spin_lock_irqsave(&d->lock, f);
	spin_unlock_irqrestore(&d->lock, f);
	spin_lock_irqsave(&d->lock, f);
	spin_unlock_irqrestore(&d->lock, f);
}
void c_elsewhere(struct dev *d, unsigned long f) {
	spin_unlock_irqrestore(&d->lock, f);  // expect: linux-2.4.flags
}
void d_twice(struct dev *d) {
	unsigned long f;
	read_lock_irqsave(&d->rw, f);
	work();
	save_flags(f);  // expect: linux-2.4.flags
	read_unlock_irqrestore(&d->rw, f);
}
void d_two_variables(struct dev *d) {
	unsigned long f, g;
	read_lock_irqsave(&d->rw, f);
	save_flags(g);
	restore_flags(g);
	read_unlock_irqrestore(&d->rw, f);
}
void d_in_turn(struct dev *d) {
	unsigned long f;
	read_lock_irqsave(&d->rw, f);
	read_unlock_irqrestore(&d->rw, f);
	read_lock_irqsave(&d->rw, f);
	read_unlock_irqrestore(&d->rw, f);
}
void d_elsewhere(struct dev *d, unsigned long f) {
	read_unlock_irqrestore(&d->rw, f);  // expect: linux-2.4.flags
}
void signed_word(struct dev *d) {
	long f;
	spin_lock_irqsave(&d->lock, f);
	spin_unlock_irqrestore(&d->lock, f);
}
void on_one_path(struct dev *d) {
	unsigned long f;
	save_flags(f);
	if (d->n)
		save_flags(f);  // expect: linux-2.4.flags
	restore_flags(f);
}
void in_loop(struct dev *d) {
	unsigned long f;
	while (d->n) {
		save_flags(f);
		work();
		restore_flags(f);
	}
}
void in_loop_wrong(struct dev *d) {
	unsigned long f;
	while (d->n)
		save_flags(f);  // expect: linux-2.4.flags
	restore_flags(f);
}
