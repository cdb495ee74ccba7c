// A helper takes, its caller releases.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

static void take(struct dev *d)
{
	cli();
}

int bad(struct dev *d)
{
	take(d);
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	take(d);
	sti();
	return 0;
}
