// An inline function is no obstacle.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

static inline int checked(struct dev *d, int a)
{
	if (a < 0)
		return a;
	cli();
	return 0;
}

int bad(struct dev *d, int a)
{
	if (checked(d, a))
		return 1;
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int a)
{
	if (checked(d, a))
		return 1;
	sti();
	return 0;
}
