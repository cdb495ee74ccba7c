// A loop without an end has no exit to complain of.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d)
{
	cli();
	for (;;) {
		if (work())
			return 1; // expect: check_interrupts
	}
}

int good(struct dev *d)
{
	cli();
	for (;;)
		work();
}
