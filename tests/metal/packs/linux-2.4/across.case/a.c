/* Reader-writer locks and saved flags across files: callers. */
#include "../../include/kernel.h"
void look(struct dev *d);
void leave(struct dev *d);
void back(unsigned long saved);

int reads(struct dev *d)
{
	look(d);
	if (d->n)
		return 1; // expect: linux-2.4.rwlock
	leave(d);
	return 0;
}
int reads_right(struct dev *d)
{
	int r = 0;
	look(d);
	if (d->n)
		r = 1;
	leave(d);
	return r;
}
void saves(void)
{
	unsigned long f;
	save_flags(f);
	cli();
	back(f);
}
void saves_right(void)
{
	unsigned long f;
	save_flags(f);
	cli();
	restore_flags(f);
}
