// The ?: operator branches.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	cli();
	int r = a ? work() : 0;
	if (r)
		return r; // expect: check_interrupts
	sti();
	return 0;
}

int good(struct dev *d, int a)
{
	cli();
	int r = a ? work() : 0;
	sti();
	return r;
}
