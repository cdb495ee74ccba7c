// Ways that no run takes, and locks known by two names.
#include "../include/kernel.h"

#define held_if(l, c) (c)
int _atomic_dec_and_lock(atomic_t *, spinlock_t *);
#define atomic_dec_and_lock(a, l) held_if(l, _atomic_dec_and_lock(a, l))
struct counted { atomic_t count; struct dev *of; void *private; int flags; spinlock_t lock, second; };

// The value of a macro within a macro.
void last_one(struct counted *c)
{
	if (!atomic_dec_and_lock(&c->count, &c->lock))
		return;
	spin_unlock(&c->lock);
}
void last_one_kept(struct counted *c)
{
	if (!atomic_dec_and_lock(&c->count, &c->lock))
		return;
	if (c->flags)
		return; // expect: linux.lock
	spin_unlock(&c->lock);
}

// Which side of ?: was taken, when its condition has two parts.
static inline int *slot(struct counted *c) { return &c->flags + 1; }
int none(int);
int make(struct counted *);
#define slot_locked(c, where) ((none((c)->flags) && make(c)) ? 0 : ({ *(where) = &(c)->second; spin_lock(&(c)->second); slot(c); }))
int take_slot(struct counted *c)
{
	spinlock_t *held;
	int *p = slot_locked(c, &held);
	if (!p)
		return -1;
	*p = 1;
	spin_unlock(held);
	return 0;
}
int take_slot_kept(struct counted *c)
{
	spinlock_t *held;
	int *p = slot_locked(c, &held);
	if (!p)
		return -1;
	if (*p)
		return -2; // expect: linux.lock
	spin_unlock(held);
	return 0;
}

// What a function always gives is the place itself.
struct inner { spinlock_t lock; int n; };
static inline struct inner *INNER(struct counted *c) { return c->private; }
struct outer { int before; struct counted inside; spinlock_t guard; };
static inline struct outer *OUTER(struct counted *c)
{
	return ({ void *mptr = (void *)c; (struct outer *)(mptr - __builtin_offsetof(struct outer, inside)); });
}
static void give_up(struct counted *c) { spin_unlock(&INNER(c)->lock); }
void by_two_names(struct counted *c)
{
	struct inner *i = INNER(c);
	spin_lock(&i->lock);
	if (c->flags)
		give_up(c);
	else
		spin_unlock(&INNER(c)->lock);
}
int contained(struct counted *c)
{
	struct outer *o = OUTER(c);
	spin_lock(&o->guard);
	c->flags = 0;
	spin_unlock(&OUTER(c)->guard);
	return o->before;
}
int contained_kept(struct counted *c)
{
	struct outer *o = OUTER(c);
	spin_lock(&o->guard);
	if (c->flags)
		return -1; // expect: linux.lock
	spin_unlock(&OUTER(c)->guard);
	return 0;
}

// Bits: some of three are set, and it is none of the first two.
void bits(struct counted *c)
{
	spin_lock(&c->lock);
	if (c->flags & 7) {
		if (c->flags & 3)
			c->of = NULL;
		else if (c->flags & 4)
			c->private = NULL;
		else
			return;
	}
	spin_unlock(&c->lock);
}
void other_bits(struct counted *c)
{
	spin_lock(&c->lock);
	if (c->flags & 7) {
		if (c->flags & 3)
			c->of = NULL;
		else if (c->flags & 8)
			return; // expect: linux.lock
	}
	spin_unlock(&c->lock);
}

// Whether the lock was taken is told to the one who releases it.
static int maybe_lock(struct counted *c)
{
	if (work()) {
		spin_lock(&c->second);
		return 1;
	}
	return 0;
}
static void maybe_unlock(struct counted *c, int locked)
{
	if (locked)
		spin_unlock(&c->second);
}
int told(struct counted *c)
{
	int locked = maybe_lock(c);
	c->flags = 0;
	maybe_unlock(c, locked);
	return 0;
}
int told_wrongly(struct counted *c)
{
	int locked = maybe_lock(c);
	c->flags = 0;
	if (locked)
		maybe_unlock(c, 0);
	return 0; // expect: linux.lock
}
// ... or by it, through a pointer.
static int give_up_now_and_then(struct counted *c, int *locked)
{
	if (*locked && work()) {
		spin_unlock(&c->lock);
		*locked = 0;
	}
	return work();
}
void told_through_pointer(struct counted *c)
{
	int locked = 1;
	spin_lock(&c->lock);
	if (give_up_now_and_then(c, &locked))
		c->flags = 1;
	if (locked)
		spin_unlock(&c->lock);
}
// ... which does not make doubtful what it gives back.
void told_and_left(struct counted *c)
{
	int locked = 1;
	spin_lock(&c->lock);
	if (give_up_now_and_then(c, &locked))
		return; // expect: linux.lock
	if (locked)
		spin_unlock(&c->lock);
}

// What only others may have changed is likely what it was.
void unknown(struct counted *);
void decided_before(struct counted *c)
{
	if (c->of)
		spin_lock(&c->lock);
	unknown(c);
	if (c->of)
		spin_unlock(&c->lock);
}
void decided_and_written(struct counted *c)
{
	if (c->of)
		spin_lock(&c->lock);
	c->of = NULL;
	if (c->of)
		spin_unlock(&c->lock); // (no run comes here)
	c->flags = 1;
} // expect: linux.lock

// A lock of the same name is released that was not taken: the one that is held, it may be.
struct pool { spinlock_t lock; struct worker *worker; };
struct worker { struct pool *pool; int busy; };
void move_over(struct worker *w, struct pool *last)
{
	struct pool *p = w->pool;
	spin_lock(&last->lock);
	if (last->worker == w)
		p = last->worker->pool;
	spin_unlock(&p->lock);
}

// A constant argument says what a function gives.
static int waits(int how, struct counted *c)
{
	if (!(how & 1))
		return 0;
	return c->flags;
}
int uninterruptible(struct counted *c)
{
	spin_lock(&c->lock);
	if (waits(2, c))
		return -1;
	spin_unlock(&c->lock);
	return 0;
}
int interruptible(struct counted *c)
{
	spin_lock(&c->lock);
	if (waits(1, c))
		return -1; // expect: linux.lock
	spin_unlock(&c->lock);
	return 0;
}
