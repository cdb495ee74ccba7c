// Whether a lock is taken depends on what is asked again later: the answers must agree while nobody writes.
#include "../include/kernel.h"

static struct dev main_dev;
static int careful;

static int running(struct dev *d) { return d->n & 1; }
static void look(struct dev *d) { printk("%d", d->n); }
static void stop(struct dev *d) { d->n = 0; }
static void forget(void) { careful = 0; }

int asked_twice(struct dev *d)
{
	if (running(d))
		spin_lock(&d->lock);
	look(d);
	if (running(d))
		spin_unlock(&d->lock);
	return 0;
}
int changed_between(struct dev *d)
{
	if (running(d))
		spin_lock(&d->lock);
	stop(d);
	if (running(d))
		spin_unlock(&d->lock);
	return 0; // expect: linux.lock
}
int of_all(struct dev *d)
{
	if (careful)
		spin_lock(&d->lock);
	look(d);
	if (careful)
		spin_unlock(&d->lock);
	return 0;
}
int of_all_changed(struct dev *d)
{
	if (careful)
		spin_lock(&d->lock);
	forget();
	if (careful)
		spin_unlock(&d->lock);
	return 0; // expect: linux.lock
}
int waited_for(struct dev *d)
{
	while (!careful)
		look(d);
	spin_lock(&d->lock);
	return 0; // expect: linux.lock
}
int waited_for_call(struct dev *d)
{
	while (!running(d))
		look(d);
	spin_lock(&d->lock);
	return 0; // expect: linux.lock
}
int other_way_round(struct dev *d)
{
	if (d != &main_dev)
		spin_lock(&d->lock);
	look(d);
	if (d == &main_dev)
		return 0;
	spin_unlock(&d->lock);
	return 1;
}
int wrong_way_round(struct dev *d)
{
	if (d != &main_dev)
		spin_lock(&d->lock);
	look(d);
	if (d != &main_dev)
		return 0; // expect: linux.lock
	spin_unlock(&d->lock);
	return 1;
}
// More ways than are kept apart: what comes after all that had to be forgotten is not believed.
int many_ways(struct dev *d, int a, int b, int c, int e, int f)
{
	if (f)
		spin_lock(&d->lock);
	if (a)
		work();
	if (b)
		work();
	if (c)
		work();
	if (e)
		work();
	if (a)
		work();
	if (b)
		work();
	if (c)
		work();
	if (e)
		work();
	if (f)
		spin_unlock(&d->lock);
	return 0;
}
int lost_before(struct dev *d, int a, int b, int c, int e, int f)
{
	spin_lock(&d->lock);
	if (a)
		work();
	if (b)
		work();
	if (c)
		work();
	if (e)
		work();
	if (f)
		return -1; // expect: linux.lock
	if (a)
		work();
	if (b)
		work();
	if (c)
		work();
	if (e)
		work();
	spin_unlock(&d->lock);
	return 0;
}
