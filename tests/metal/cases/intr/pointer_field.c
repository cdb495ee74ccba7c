// A function pointer stored in a structure.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

struct ops { void (*take)(struct dev *); };

static void do_take(struct dev *d)
{
	cli();
}

static struct ops ops = { .take = do_take };

int bad(struct dev *d, struct ops *o)
{
	o->take(d);
	return 0; // expect: check_interrupts
}

int good(struct dev *d, struct ops *o)
{
	o->take(d);
	sti();
	return 0;
}

struct ops *get_ops(void) { return &ops; }
