// A branch on the argument inside the callee.
#define cli() __asm__ volatile("cli")
#define sti() __asm__ volatile("sti")
void schedule(void);
void *alloc(int size, int gfp);
int work(void);

static void maybe(int wait)
{
	if (wait)
		schedule();
}

void bad(void)
{
	cli();
	maybe(1); // expect: block
	sti();
}

void good(void)
{
	cli();
	maybe(0);
	sti();
}
