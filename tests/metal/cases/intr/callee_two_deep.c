// Two calls down.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

static void inner(struct dev *d)
{
	cli();
}

static void outer(struct dev *d)
{
	work();
	inner(d);
}

int bad(struct dev *d)
{
	outer(d);
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	outer(d);
	sti();
	return 0;
}
