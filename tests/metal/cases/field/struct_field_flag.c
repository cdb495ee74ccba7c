// A flag in a structure decides twice.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, struct dev *o)
{
	if (d->n)
		lock(&d->l);
	d->n = 0;
	if (d->n)
		unlock(&d->l);
	return 0; // expect: lock
}

int good(struct dev *d)
{
	if (d->n)
		lock(&d->l);
	work();
	if (d->n)
		unlock(&d->l);
	return 0;
}
