// A break leaves the loop before the release.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int n)
{
	int i;
	for (i = 0; i < n; i++) {
		cli();
		if (work())
			break;
		sti();
	}
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int n)
{
	int i;
	for (i = 0; i < n; i++) {
		cli();
		if (work()) {
			sti();
			break;
		}
		sti();
	}
	return 0;
}
