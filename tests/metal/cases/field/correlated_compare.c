// Comparisons with constants agree.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	if (a > 10)
		lock(&d->l);
	if (a > 20)
		unlock(&d->l);
	return 0; // expect: lock
}

int good(struct dev *d, int a)
{
	if (a > 10)
		lock(&d->l);
	if (a >= 11)
		unlock(&d->l);
	return 0;
}
