// The end of a function without a return statement.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

void bad(struct dev *d, int a)
{
	cli();
	if (!a)
		sti();
} // expect: check_interrupts

void good(struct dev *d, int a)
{
	cli();
	work();
	sti();
}
