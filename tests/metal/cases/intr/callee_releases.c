// A helper releases what its caller took.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

static void release(struct dev *d)
{
	sti();
}

static void nothing(struct dev *d)
{
	work();
}

int bad(struct dev *d)
{
	cli();
	nothing(d);
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	cli();
	release(d);
	return 0;
}
