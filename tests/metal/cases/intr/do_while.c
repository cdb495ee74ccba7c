// A do loop runs at least once.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d)
{
	do {
		cli();
	} while (0);
	return work(); // expect: check_interrupts
}

int good(struct dev *d)
{
	do {
		cli();
		sti();
	} while (work());
	return 0;
}
