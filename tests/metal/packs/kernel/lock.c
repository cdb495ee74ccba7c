// A spin lock is released on every path, once.
#include "../include/kernel.h"

int early(struct dev *d) {
	spin_lock(&d->lock);
	if (work())
		return 1; // expect: linux.lock linux-2.4.lock
	spin_unlock(&d->lock);
	return 0;
}
int early_goto(struct dev *d) {
	int r = 0;
	spin_lock(&d->lock);
	if (work()) {
		r = 1;
		goto out;
	}
	work();
out:
	spin_unlock(&d->lock);
	return r;
}
void twice(struct dev *d) {
	spin_lock(&d->lock);
	spin_lock(&d->lock); // expect: linux.lock linux-2.4.lock
	spin_unlock(&d->lock);
}
void two_locks(struct dev *d) {
	spin_lock(&d->lock);
	spin_lock(&d->other);
	spin_unlock(&d->other);
	spin_unlock(&d->lock);
}
void released_twice(struct dev *d) {
	spin_lock(&d->lock);
	spin_unlock(&d->lock);
	spin_unlock(&d->lock); // expect: linux.lock linux-2.4.lock
}
void gap(struct dev *d) {
	spin_lock(&d->lock);
	spin_unlock(&d->lock);
	work();
	spin_lock(&d->lock);
	spin_unlock(&d->lock);
}
int irqsave(struct dev *d) {
	unsigned long flags;
	spin_lock_irqsave(&d->lock, flags);
	if (!d->n)
		return -1; // expect: linux.lock linux-2.4.lock
	spin_unlock_irqrestore(&d->lock, flags);
	return 0;
}
int irqsave_right(struct dev *d) {
	unsigned long flags;
	int r;
	spin_lock_irqsave(&d->lock, flags);
	r = d->n ? 0 : -1;
	spin_unlock_irqrestore(&d->lock, flags);
	return r;
}
int loop(struct dev *d) {
	while (d->n) {
		spin_lock(&d->lock);
		if (work())
			break;
		spin_unlock(&d->lock);
	}
	return 0; // expect: linux.lock linux-2.4.lock
}
int loop_right(struct dev *d) {
	while (d->n) {
		spin_lock(&d->lock);
		if (work()) {
			spin_unlock(&d->lock);
			break;
		}
		spin_unlock(&d->lock);
	}
	return 0;
}
int wrong_one(struct dev *d) {
	spin_lock(&d->lock);
	work();
	spin_unlock(&d->other);
	return 0; // expect: linux.lock linux-2.4.lock
}
int try_fails(struct dev *d) {
	if (!spin_trylock(&d->lock))
		return 1;
	if (work())
		return 2; // expect: linux.lock linux-2.4.lock
	spin_unlock(&d->lock);
	return 0;
}
int try_right(struct dev *d) {
	if (!spin_trylock(&d->lock))
		return 1;
	spin_unlock(&d->lock);
	return 0;
}
int in_switch(struct dev *d, int what) {
	spin_lock(&d->lock);
	switch (what) {
	case 1:
		spin_unlock(&d->lock);
		break;
	case 2:
		return 5; // expect: linux.lock linux-2.4.lock
	default:
		spin_unlock(&d->lock);
	}
	return 0;
}
int in_switch_right(struct dev *d, int what) {
	spin_lock(&d->lock);
	switch (what) {
	case 1:
		d->n = 1;
		break;
	default:
		d->n = 2;
	}
	spin_unlock(&d->lock);
	return 0;
}
int conditional(struct dev *d, int locked) {
	if (locked)
		spin_lock(&d->lock);
	work();
	if (locked)
		spin_unlock(&d->lock);
	return 0;
}
int conditional_wrong(struct dev *d, int locked) {
	if (locked)
		spin_lock(&d->lock);
	work();
	if (!locked)
		spin_unlock(&d->lock);
	return 0; // expect: linux.lock linux-2.4.lock
}
static int acquire(struct dev *d) {
	spin_lock(&d->lock);
	if (!d->n) {
		spin_unlock(&d->lock);
		return -1;
	}
	return 0;
}
int by_result(struct dev *d) {
	if (acquire(d))
		return -1;
	spin_unlock(&d->lock);
	return 0;
}
int by_result_wrong(struct dev *d) {
	if (acquire(d) == 0)
		return 0; // expect: linux.lock linux-2.4.lock
	return -1;
}
void dies(struct dev *d) {
	spin_lock(&d->lock);
	if (!d->n)
		panic("no n");
	spin_unlock(&d->lock);
}
static void stop_it(struct dev *d) {
	spin_lock(&d->lock); // expect: linux.lock linux-2.4.lock
	d->n = 0;
	spin_unlock(&d->lock);
}
void stops_under_lock(struct dev *d) {
	spin_lock(&d->lock);
	stop_it(d);
	spin_unlock(&d->lock);
}
void dev_lock(struct dev *d) {
	if (d->n)
		spin_lock(&d->lock);
}
struct task { spinlock_t sigmask_lock; };
struct task *get_current(void);
void own_signals(void) {
	spin_lock(&get_current()->sigmask_lock);
	work();
	spin_unlock(&get_current()->sigmask_lock);
}
int atomic_dec_and_lock(atomic_t *, spinlock_t *);
void last_reference(struct dev *d) {
	if (!atomic_dec_and_lock(&d->skb->users, &d->lock))
		return;
	spin_unlock(&d->lock);
}
int last_reference_wrong(struct dev *d) {
	if (!atomic_dec_and_lock(&d->skb->users, &d->lock))
		return 0;
	return 1; // expect: linux.lock linux-2.4.lock
}
void local_bh_disable(void); void local_bh_enable(void);
#define spin_trylock_bh(l) ({ int got; local_bh_disable(); got = spin_trylock(l); if (!got) local_bh_enable(); got; })
void spin_unlock_bh(spinlock_t *);
int pushes(struct dev *d) {
	if (!spin_trylock_bh(&d->lock))
		return 0;
	for (;;) {
		if (work())
			continue;
		spin_unlock_bh(&d->lock);
		if (!d->n)
			break;
		if (!spin_trylock_bh(&d->lock))
			break;
	}
	return 1;
}
/* What the caller holds, and whom it is no secret to: given up for a while and taken again. */
void lends(struct dev *d) {
	spin_unlock(&d->lock);
	work();
	spin_lock(&d->lock);
}
int lends_on_one_path(struct dev *d) {
	if (work()) {
		spin_unlock(&d->lock);
		work();
		spin_lock(&d->lock);
		return 1;
	}
	return 0;
}
void lends_and_takes_twice(struct dev *d) {
	spin_unlock(&d->lock);
	spin_lock(&d->lock);
	spin_lock(&d->lock); // expect: linux.lock linux-2.4.lock
}
/* A name with "block" in it is no promise to leave a lock held. */
int mtd_block_open(struct dev *d) {
	spin_lock(&d->lock);
	if (work())
		return 0; // expect: linux.lock linux-2.4.lock
	spin_unlock(&d->lock);
	return 1;
}
void give_block(struct dev *d) {
	spin_lock(&d->lock);
	work();
	spin_unlock(&d->lock);
}
/* Who prints an error goes on. */
#define err(format, arg...) printk("dev: " format, ## arg)
int says_an_error(struct dev *d) {
	spin_lock(&d->lock);
	if (work()) {
		err("no luck with %p", d);
		return 1; // expect: linux.lock linux-2.4.lock
	}
	spin_unlock(&d->lock);
	return 0;
}
int says_an_error_unlocked(struct dev *d) {
	spin_lock(&d->lock);
	if (work()) {
		spin_unlock(&d->lock);
		err("no luck with %p", d);
		return 1;
	}
	spin_unlock(&d->lock);
	return 0;
}
/* Nobody comes back from here, and still it is to be in order. */
static void last_words(struct dev *d) {
	spin_lock(&d->lock);
	if (work())
		spin_lock(&d->lock); // expect: linux.lock linux-2.4.lock
	spin_unlock(&d->lock);
	panic("over");
}
void ends_all(struct dev *d) {
	last_words(d);
}
static void last_words_in_order(struct dev *d) {
	spin_lock(&d->other);
	work();
	spin_unlock(&d->other);
	panic("over");
}
void ends_all_in_order(struct dev *d) {
	last_words_in_order(d);
}
/* The lock lies in what a stored thing leads to: that does not give it to anybody. */
struct item { struct item *next; struct list *home; };
struct list { spinlock_t lock; struct item *head, *tail; };
static void append(struct list *l, struct item *i) {
	spin_lock(&l->lock);
	i->next = NULL;
	l->tail->next = i;
	l->tail = i;
}
void appends(struct item *i) {
	append(i->home, i);
} // expect: linux.lock linux-2.4.lock
static void prepend(struct list *l, struct item *i) {
	spin_lock(&l->lock);
	i->next = l->head;
	l->head = i;
	spin_unlock(&l->lock);
}
void prepends(struct item *i) {
	prepend(i->home, i);
}
