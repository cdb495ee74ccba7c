// Two loops, one way out of both.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int n)
{
	for (int i = 0; i < n; i++) {
		cli();
		for (int j = 0; j < i; j++)
			if (work())
				goto out;
		sti();
	}
	return 0;
out:
	return 1; // expect: check_interrupts
}

int good(struct dev *d, int n)
{
	for (int i = 0; i < n; i++) {
		cli();
		for (int j = 0; j < i; j++)
			if (work())
				break;
		sti();
	}
	return 0;
}
