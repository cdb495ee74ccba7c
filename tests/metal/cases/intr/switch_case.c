// One case forgets the release.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	cli();
	switch (a) {
	case 1:
		sti();
		return 1;
	case 2:
		return 2; // expect: check_interrupts
	default:
		sti();
	}
	return 0;
}

int good(struct dev *d, int a)
{
	cli();
	switch (a) {
	case 1:
		sti();
		return 1;
	case 2:
		work();
		break;
	default:
		break;
	}
	sti();
	return 0;
}
