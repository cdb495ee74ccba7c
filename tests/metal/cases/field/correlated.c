// The same condition twice: two of the four paths do not exist.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a, int b)
{
	if (a)
		lock(&d->l);
	work();
	if (a && b)
		unlock(&d->l);
	return 0; // expect: lock
}

int good(struct dev *d, int a)
{
	if (a)
		lock(&d->l);
	work();
	if (a)
		unlock(&d->l);
	return 0;
}
