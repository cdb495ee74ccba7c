// What the flags say decides.
#define cli() __asm__ volatile("cli")
#define sti() __asm__ volatile("sti")
void schedule(void);
void *alloc(int size, int gfp);
int work(void);

#define KERNEL 16
#define ATOMIC 1
static void *get(int n, int gfp) { return alloc(n, gfp); }

void *bad(void)
{
	cli();
	void *p = get(4, KERNEL); // expect: block
	sti();
	return p;
}

void *good(void)
{
	cli();
	void *p = get(4, ATOMIC);
	sti();
	return p;
}
