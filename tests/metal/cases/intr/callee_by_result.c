// The helper holds exactly when it returns 0.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

static int try_take(struct dev *d)
{
	cli();
	if (work()) {
		sti();
		return -1;
	}
	return 0;
}

int bad(struct dev *d)
{
	if (try_take(d) < 0)
		return -1;
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	if (try_take(d) < 0)
		return -1;
	sti();
	return 0;
}
