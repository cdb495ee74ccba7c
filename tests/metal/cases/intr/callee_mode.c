// One function takes and releases, by its argument.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

static void mode(struct dev *d, int on)
{
	if (on)
		cli();
	else
		sti();
}

int bad(struct dev *d)
{
	mode(d, 1);
	work();
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	mode(d, 1);
	work();
	mode(d, 0);
	return 0;
}
