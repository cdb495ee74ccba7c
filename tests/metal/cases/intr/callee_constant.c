// A constant argument decides what the helper does.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

static void maybe(struct dev *d, int take)
{
	if (take)
		cli();
}

int bad(struct dev *d)
{
	maybe(d, 1);
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	maybe(d, 0);
	return 0;
}
