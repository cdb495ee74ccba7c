// A condition and its negation.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a, int b)
{
	if (!a)
		cli();
	work();
	if (!b)
		return 0; // expect: check_interrupts
	if (!a)
		sti();
	return 0;
}

int good(struct dev *d, int a)
{
	if (!a)
		cli();
	work();
	if (a)
		return 0;
	sti();
	return 0;
}
