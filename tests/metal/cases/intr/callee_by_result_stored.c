// The result is kept in a variable and tested later.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

static int try_take(struct dev *d)
{
	if (work())
		return -5;
	cli();
	return 0;
}

int bad(struct dev *d)
{
	int err = try_take(d);
	if (err)
		return err;
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	int err = try_take(d);
	work();
	if (!err)
		sti();
	return err;
}
