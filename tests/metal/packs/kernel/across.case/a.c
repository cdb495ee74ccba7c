/* The kernel rules across files: callers. */
#include "../../include/kernel.h"
#include "shared.h"

int helped(struct dev *d)
{
	begin(d);
	if (work())
		return 1; // expect: linux.lock linux-2.4.lock
	finish(d);
	return 0;
}
int helped_right(struct dev *d)
{
	begin(d);
	if (work()) {
		finish(d);
		return 1;
	}
	finish(d);
	return 0;
}
int lock_by_result(struct dev *d)
{
	if (begin_if(d) < 0)
		return -1;
	finish(d);
	return 0;
}
int free_helper(struct dev *d)
{
	discard(d);
	return d->n; // expect: linux.free linux-2.4.free
}
int free_helper_right(struct dev *d)
{
	int n = d->n;
	discard(d);
	return n;
}
int free_if_failed(struct dev *d)
{
	if (discard_if_failed(d) < 0)
		return -1;
	return d->n;
}
int free_if_failed_wrong(struct dev *d)
{
	if (discard_if_failed(d) < 0)
		return d->n; // expect: linux.free linux-2.4.free
	return 0;
}
int interrupts_helper(struct dev *d)
{
	quiet();
	if (d->n)
		return 1; // expect: linux.interrupts linux-2.4.interrupts
	loud();
	return 0;
}
int interrupts_helper_right(struct dev *d)
{
	quiet();
	d->n = 0;
	loud();
	return 0;
}
int unchecked_maker(void)
{
	struct dev *d = make_one(3);
	d->n = 1; // expect: linux.unchecked linux-2.4.unchecked
	return 0;
}
int unchecked_maker_right(void)
{
	struct dev *d = make_one(3);
	if (!d)
		return -1;
	d->n = 1;
	return 0;
}
int user_reader(struct dev *u)
{
	struct dev k;
	if (copy_from_user(&k, u, sizeof(k)))
		return -1;
	return read_n(u);
}
int user_reader_right(struct dev *u)
{
	struct dev k;
	if (copy_from_user(&k, u, sizeof(k)))
		return -1;
	return read_other(&k);
}
void blocks_below(struct dev *d)
{
	spin_lock(&d->lock);
	rest_a_while(d); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void blocks_below_right(struct dev *d)
{
	spin_lock(&d->lock);
	d->n++;
	spin_unlock(&d->lock);
	rest_a_while(d);
}
void allocates_below(struct dev *d)
{
	spin_lock(&d->lock);
	d->buf = memory(10, GFP_KERNEL); // expect: linux.blocking linux-2.4.blocking
	spin_unlock(&d->lock);
}
void allocates_below_right(struct dev *d)
{
	spin_lock(&d->lock);
	d->buf = memory(10, GFP_ATOMIC);
	spin_unlock(&d->lock);
}
