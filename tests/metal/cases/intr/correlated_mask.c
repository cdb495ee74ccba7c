// A bit test twice.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	if (a & 4)
		cli();
	a = work();
	if (a & 4)
		return 1; // expect: check_interrupts
	return 0;
}

int good(struct dev *d, int a)
{
	if (a & 4)
		cli();
	work();
	if (a & 4)
		sti();
	return 0;
}
