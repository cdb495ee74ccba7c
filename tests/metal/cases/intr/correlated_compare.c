// Comparisons with constants agree.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	if (a > 10)
		cli();
	if (a > 20)
		sti();
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int a)
{
	if (a > 10)
		cli();
	if (a >= 11)
		sti();
	return 0;
}
