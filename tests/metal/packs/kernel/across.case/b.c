/* The kernel rules across files: what is called. */
#include "../../include/kernel.h"
#include "shared.h"

void begin(struct dev *d) { spin_lock(&d->lock); }
void finish(struct dev *d) { spin_unlock(&d->lock); }
int begin_if(struct dev *d)
{
	spin_lock(&d->lock);
	if (d->n == 0) {
		spin_unlock(&d->lock);
		return -1;
	}
	return 0;
}
void discard(struct dev *d) { kfree(d); }
int discard_if_failed(struct dev *d)
{
	if (work() < 0) {
		kfree(d);
		return -1;
	}
	return 0;
}
void quiet(void) { local_irq_disable(); }
void loud(void) { local_irq_enable(); }
struct dev *make_one(int n)
{
	struct dev *d = kmalloc(sizeof(*d) * n, GFP_KERNEL);
	return d;
}
int read_n(struct dev *d) { return d->n; } // expect: linux.user-pointer linux-2.4.user-pointer
int read_other(struct dev *d) { return d->n; }
void rest_a_while(struct dev *d)
{
	if (d->n)
		schedule();
}
void *memory(size_t n, int flags) { return kmalloc(n, flags); }
