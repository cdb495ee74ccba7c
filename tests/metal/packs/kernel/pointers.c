// Calls through pointers: what they may lead to need not be what they lead to here.
#include "../include/kernel.h"

struct chip;
struct ops { int (*acquire)(struct chip *); void (*release)(struct chip *); void (*drop)(struct chip *); int (*start)(struct chip *); };
struct chip { struct ops *ops; spinlock_t lock, bus; int n; };

static int old_acquire(struct chip *c) { spin_lock(&c->lock); return 0; }
static void old_release(struct chip *c) { spin_unlock(&c->lock); }
static int new_acquire(struct chip *c) { spin_lock(&c->bus); return 0; }
static void new_release(struct chip *c) { spin_unlock(&c->bus); }
static void old_drop(struct chip *c) { kfree(c); }
static void new_drop(struct chip *c) { c->n = 0; }
static int old_start(struct chip *c) {
	spin_lock(&c->lock);
	if (work())
		return -1; // expect: linux.lock linux-2.4.lock
	spin_unlock(&c->lock);
	return 0;
}
static int new_start(struct chip *c) {
	spin_lock(&c->lock); // expect: linux.lock linux-2.4.lock
	spin_unlock(&c->lock);
	return work();
}
struct ops old_ops = { old_acquire, old_release, old_drop, old_start };
struct ops new_ops = { new_acquire, new_release, new_drop, new_start };

/* One chip's acquire is answered by the same chip's release. */
int paired(struct chip *c) {
	int r;
	if (c->ops->acquire(c))
		return -1;
	r = work();
	c->ops->release(c);
	return r;
}
int paired_twice(struct chip *c) {
	c->ops->acquire(c);
	c->ops->release(c);
	c->ops->acquire(c);
	c->ops->release(c);
	return 0;
}
/* Which of them frees is not known. */
int may_be_dropped(struct chip *c) {
	c->ops->drop(c);
	return c->n;
}
/* Whichever it is, it takes the lock. */
int starts_locked(struct chip *c) {
	int r;
	spin_lock(&c->lock);
	r = c->ops->start(c);
	spin_unlock(&c->lock);
	return r;
}
int starts(struct chip *c) { return c->ops->start(c); }

/* By type alone: a pointer that anybody may have set. */
static void frees(void *p) { kfree(p); }
void register_handler(void (*)(void *));
void set_up(void) { register_handler(frees); }
int calls_back(void (*handler)(void *), struct dev *d) {
	handler(d);
	return d->n;
}
static int frees_dev(struct dev *d, int why) { kfree(d); return why; }
static int counts_dev(struct dev *d, int why) { return d->n + why; }
void register_dev_handlers(int (*)(struct dev *, int), int (*)(struct dev *, int));
void set_up_both(void) { register_dev_handlers(frees_dev, counts_dev); }
int calls_one_of_both(int (*handler)(struct dev *, int), struct dev *d) {
	handler(d, 1);
	return d->n;
}
/* A field that is filled elsewhere, in a structure whose other fields are filled here. */
struct driver { int (*probe)(struct dev *, long); void (*remove)(struct dev *); };
static int probe_one(struct dev *d, long n) { return d->n + (int)n; }
static void remove_one(struct dev *d) { d->n = 0; }
static void discard_one(struct dev *d) { kfree(d); }
struct driver one = { .probe = probe_one };
void register_discard(void (*)(struct dev *));
void set_up_discard(void) { register_discard(discard_one); remove_one(0); }
int removes(struct driver *r, struct dev *d) {
	r->remove(d);
	return d->n;
}
/* The caller's lock, given up and taken again around what one target does and another does not. */
struct queue { struct ops2 *ops; spinlock_t lock; int n; };
struct ops2 { void (*kick)(struct queue *); };
static void kicks(struct queue *q) { spin_lock(&q->lock); spin_unlock(&q->lock); }
static void counts(struct queue *q) { q->n++; }
struct ops2 kicking = { kicks };
struct ops2 counting = { counts };
void lent_around(struct queue *q) {
	spin_unlock(&q->lock);
	q->ops->kick(q);
	spin_lock(&q->lock);
}
