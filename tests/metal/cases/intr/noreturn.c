// A path that ends in a function that does not return is no exit.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

void die(void) __attribute__((noreturn));

int bad(struct dev *d, int a)
{
	cli();
	if (a)
		work();
	else
		die();
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int a)
{
	cli();
	if (a)
		die();
	sti();
	return 0;
}
