// Three calls down; reported once, at the call.
#define cli() __asm__ volatile("cli")
#define sti() __asm__ volatile("sti")
void schedule(void);
void *alloc(int size, int gfp);
int work(void);

static void c(void) { schedule(); }
static void b(void) { work(); c(); }
static void a(int n) { if (n) b(); }

void bad(int n)
{
	cli();
	a(n); // expect: block
	sti();
}

void good(int n)
{
	cli();
	work();
	sti();
	a(n);
}
