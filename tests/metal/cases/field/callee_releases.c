// A helper releases what its caller took.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

static void release(struct dev *d)
{
	unlock(&d->l);
}

static void nothing(struct dev *d)
{
	work();
}

int bad(struct dev *d)
{
	lock(&d->l);
	nothing(d);
	return 0; // expect: lock
}

int good(struct dev *d)
{
	lock(&d->l);
	release(d);
	return 0;
}
