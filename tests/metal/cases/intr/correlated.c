// The same condition twice: two of the four paths do not exist.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a, int b)
{
	if (a)
		cli();
	work();
	if (a && b)
		sti();
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int a)
{
	if (a)
		cli();
	work();
	if (a)
		sti();
	return 0;
}
