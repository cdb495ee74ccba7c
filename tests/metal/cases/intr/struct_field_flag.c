// A flag in a structure decides twice.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, struct dev *o)
{
	if (d->n)
		cli();
	d->n = 0;
	if (d->n)
		sti();
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	if (d->n)
		cli();
	work();
	if (d->n)
		sti();
	return 0;
}
