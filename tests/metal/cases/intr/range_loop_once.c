// A loop that surely runs.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d)
{
	int i;
	for (i = 0; i < 1; i++)
		cli();
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	int i, done = 0;
	cli();
	for (i = 0; i < 1; i++)
		done = 1;
	if (done)
		sti();
	return 0;
}
