// Falling through reaches the release.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	cli();
	switch (a) {
	case 1:
		work();
		break;
	case 2:
		sti();
		break;
	default:
		sti();
	}
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int a)
{
	cli();
	switch (a) {
	case 1:
		work();
		/* falls through */
	default:
		sti();
	}
	return 0;
}
