// The right side of && runs only when the left is true.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	lock(&d->l);
	if (a && work())
		unlock(&d->l);
	return 0; // expect: lock
}

int good(struct dev *d, int a)
{
	lock(&d->l);
	if (a && work())
		work();
	unlock(&d->l);
	return 0;
}
