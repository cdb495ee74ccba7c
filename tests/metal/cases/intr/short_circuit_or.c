// The right side of || runs only when the left is false.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	cli();
	if (a || work())
		return -1; // expect: check_interrupts
	sti();
	return 0;
}

int good(struct dev *d, int a)
{
	cli();
	if (a || work()) {
		sti();
		return -1;
	}
	sti();
	return 0;
}
