// The sleeping function itself.
#define cli() __asm__ volatile("cli")
#define sti() __asm__ volatile("sti")
void schedule(void);
void *alloc(int size, int gfp);
int work(void);

void bad(void)
{
	cli();
	schedule(); // expect: block
	sti();
}

void good(void)
{
	cli();
	sti();
	schedule();
}
