// What a constant decides.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d)
{
	cli();
	if (0)
		sti();
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	cli();
	if (1)
		sti();
	return 0;
}
