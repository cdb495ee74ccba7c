// The right side of && runs only when the left is true.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	cli();
	if (a && work())
		sti();
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int a)
{
	cli();
	if (a && work())
		work();
	sti();
	return 0;
}
