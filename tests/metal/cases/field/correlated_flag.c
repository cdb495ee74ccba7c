// A local flag remembers what was done.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	int held = 0;
	if (a) {
		lock(&d->l);
		held = 1;
	}
	held = 0;
	if (held)
		unlock(&d->l);
	return 0; // expect: lock
}

int good(struct dev *d, int a)
{
	int held = 0;
	if (a) {
		lock(&d->l);
		held = 1;
	}
	work();
	if (held)
		unlock(&d->l);
	return 0;
}
