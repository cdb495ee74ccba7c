// A local flag remembers what was done.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	int held = 0;
	if (a) {
		cli();
		held = 1;
	}
	held = 0;
	if (held)
		sti();
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int a)
{
	int held = 0;
	if (a) {
		cli();
		held = 1;
	}
	work();
	if (held)
		sti();
	return 0;
}
