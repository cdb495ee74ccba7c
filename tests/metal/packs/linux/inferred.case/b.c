/* Learnt in one file, broken in another. */
#include "../../include/kernel.h"
struct dev *lookup(int); struct dev *sure(int);
int begin(struct dev *);
struct box { spinlock_t lock; int fill, seed; };
int trusting(void)
{
	struct dev *d = lookup(1);
	return d->n; // expect: linux.inferred-check
}
int careful(void)
{
	struct dev *d = lookup(1);
	return d ? d->n : 0;
}
int certain(void)
{
	struct dev *d = sure(1);
	return d->n;
}
void unlocked(struct box *b)
{
	b->fill = 0; // expect: linux.lock-guards-field
}
void locked(struct box *b)
{
	spin_lock(&b->lock);
	b->fill = 0;
	spin_unlock(&b->lock);
}
void another_field(struct box *b)
{
	b->seed = 1;
}
int begun_blindly(struct dev *d)
{
	begin(d); // expect: linux.inferred-use
	return 0;
}
void begun_with_nobody_to_tell(struct dev *d)
{
	begin(d);
}
int begun_with_care(struct dev *d)
{
	return begin(d) < 0 ? -1 : 1;
}
