// Recursion ends, and what it leaves is what its base case leaves.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

static void down(struct dev *d, int n)
{
	if (n == 0) {
		cli();
		return;
	}
	down(d, n - 1);
}

int bad(struct dev *d, int n)
{
	down(d, n);
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int n)
{
	down(d, n);
	sti();
	return 0;
}
