// The same switch value decides twice.
#define cli() __asm__ volatile("cli" : : : "memory")
#define sti() __asm__ volatile("sti" : : : "memory")
int work(void);
struct dev { int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	switch (a) {
	case 1:
		cli();
		break;
	}
	switch (a) {
	case 2:
		sti(); // expect: check_interrupts
		break;
	}
	return 0; // expect: check_interrupts
}

int good(struct dev *d, int a)
{
	switch (a) {
	case 1:
		cli();
		break;
	}
	work();
	switch (a) {
	case 1:
		sti();
		break;
	}
	return 0;
}
