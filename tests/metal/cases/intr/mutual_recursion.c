// Two functions that call each other.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

static void even(struct dev *d, int n);

static void odd(struct dev *d, int n)
{
	if (n > 0)
		even(d, n - 1);
}

static void even(struct dev *d, int n)
{
	if (n == 0) {
		cli();
		return;
	}
	even(d, n - 2);
}

int bad(struct dev *d)
{
	even(d, 4);
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	even(d, 4);
	sti();
	odd(0, 0);
	return 0;
}
