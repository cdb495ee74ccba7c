// A loop that releases in its body and takes again, balanced at the end.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d)
{
	cli();
	while (work()) {
		sti();
		work();
		cli();
	}
	return 0; // expect: check_interrupts
}

int good(struct dev *d)
{
	cli();
	while (work()) {
		sti();
		work();
		cli();
	}
	sti();
	return 0;
}
