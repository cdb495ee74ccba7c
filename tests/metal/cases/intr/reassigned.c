// The flag that decides is overwritten.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	if (a)
		cli();
	a = 0;
	if (a)
		sti();
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int a)
{
	int saved = a;
	if (a)
		cli();
	a = 0;
	if (saved)
		sti();
	return a;
}
