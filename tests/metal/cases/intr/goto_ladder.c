// An error ladder that is entered one rung too low.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a, int b)
{
	if (a)
		goto fail;
	cli();
	if (b)
		goto fail;
	sti();
	return 0;
fail:
	return -1; // expect: check_interrupts
}

int good(struct dev *d, int a, int b)
{
	if (a)
		goto fail;
	cli();
	if (b)
		goto fail_held;
	sti();
	return 0;
fail_held:
	sti();
fail:
	return -1;
}
