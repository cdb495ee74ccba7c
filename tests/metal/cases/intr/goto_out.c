// One label releases, another does not.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	int err = 0;
	cli();
	if (a) {
		err = -1;
		goto out;
	}
	sti();
	return 0;
out:
	return err; // expect: check_interrupts
}

int good(struct dev *d, int a)
{
	int err = 0;
	cli();
	if (a) {
		err = -1;
		goto out;
	}
	work();
out:
	sti();
	return err;
}
