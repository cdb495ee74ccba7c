// A macro of the program around the primitive.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

#define BEGIN do { cli(); } while (0)
#define FINISH do { sti(); } while (0)

int bad(struct dev *d, int a)
{
	BEGIN;
	if (a)
		return 1; // expect: check_interrupts
	FINISH;
	return 0;
}

int good(struct dev *d, int a)
{
	BEGIN;
	if (a)
		work();
	FINISH;
	return 0;
}
