// The comma operator evaluates both sides.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	cli();
	if (work(), a)
		return 1; // expect: check_interrupts
	sti();
	return 0;
}

int good(struct dev *d, int a)
{
	cli();
	if (work(), a)
		work();
	sti();
	return 0;
}
