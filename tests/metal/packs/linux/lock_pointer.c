// A pointer that leads to a lock that is held is not null; a lock can be handed out through a pointer.
#include "../include/kernel.h"

#define map_lock(d, at, lockp) ({ spinlock_t *__lock = &(d)->lock; char *__p = (d)->buf + (at); *(lockp) = __lock; spin_lock(__lock); __p; })

static void put(struct dev *d)
{
	if (d)
		spin_unlock(&d->lock);
}
int put_what_is_held(struct dev *list)
{
	struct dev *d = list->next;
	spin_lock(&d->lock);
	work();
	put(d);
	return 0;
}
int put_not_always(struct dev *list, int n)
{
	struct dev *d = list->next;
	spin_lock(&d->lock);
	if (n)
		return -1; // expect: linux.lock
	put(d);
	return 0;
}
int mapped(struct dev *d, int at)
{
	spinlock_t *lock;
	char *p = map_lock(d, at, &lock);
	if (!p)
		return -1;
	*p = 0;
	spin_unlock(lock);
	return 0;
}
int mapped_and_left(struct dev *d, int at)
{
	spinlock_t *lock;
	char *p = map_lock(d, at, &lock);
	if (*p)
		return -1; // expect: linux.lock
	spin_unlock(lock);
	return 0;
}
// What it gives its caller it does not forget.
int give(struct dev *d, spinlock_t **lockp)
{
	spinlock_t *lock = &d->lock;
	*lockp = lock;
	spin_lock(lock);
	return 0;
}
// The caller's own pointer is not given.
int take(spinlock_t **lockp)
{
	spin_lock(*lockp);
	return 0; // expect: linux.lock
}
static void *first_item(struct dev *d)
{
	return &d->n;
}
int never_null(struct dev *d)
{
	spin_lock(&d->lock);
	if (!first_item(d))
		return -1;
	spin_unlock(&d->lock);
	return 0;
}
// Two pointers that are found equal are one lock's names.
int same_lock(struct dev *a, struct dev *b)
{
	spin_lock(&a->lock);
	if (a == b) {
		spin_unlock(&b->lock);
		return 0;
	}
	spin_unlock(&a->lock);
	return 1;
}
int not_the_same(struct dev *a, struct dev *b)
{
	spin_lock(&a->lock);
	if (a != b) {
		spin_unlock(&b->lock);
		return 0; // expect: linux.lock
	}
	spin_unlock(&a->lock);
	return 1;
}
// Picked by a computed index: the callee may pick the same one.
static spinlock_t table[16];
static void drop(int n) { spin_unlock(&table[n & 15]); }
int picked(int n)
{
	int hash = n & 15;
	spin_lock(&table[hash]);
	drop(n);
	return 0;
}
int picked_and_left(int n)
{
	int hash = n & 15;
	spin_lock(&table[hash]);
	if (work())
		return -1; // expect: linux.lock
	spin_unlock(&table[hash]);
	return 0;
}
