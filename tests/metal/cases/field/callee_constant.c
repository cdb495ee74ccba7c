// A constant argument decides what the helper does.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

static void maybe(struct dev *d, int take)
{
	if (take)
		lock(&d->l);
}

int bad(struct dev *d)
{
	maybe(d, 1);
	return 0; // expect: lock
}

int good(struct dev *d)
{
	maybe(d, 0);
	return 0;
}
