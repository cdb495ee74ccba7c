// Through a recursion.
#define cli() __asm__ volatile("cli")
#define sti() __asm__ volatile("sti")
void schedule(void);
void *alloc(int size, int gfp);
int work(void);

static void walk(int n)
{
	if (n == 0) {
		schedule();
		return;
	}
	walk(n - 1);
}

static void calm(int n)
{
	if (n)
		calm(n - 1);
}

void bad(int n)
{
	cli();
	walk(n); // expect: block
	sti();
}

void good(int n)
{
	cli();
	calm(n);
	sti();
}
