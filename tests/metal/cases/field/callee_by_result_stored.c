// The result is kept in a variable and tested later.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

static int try_take(struct dev *d)
{
	if (work())
		return -5;
	lock(&d->l);
	return 0;
}

int bad(struct dev *d)
{
	int err = try_take(d);
	if (err)
		return err;
	return 0; // expect: lock
}

int good(struct dev *d)
{
	int err = try_take(d);
	work();
	if (!err)
		unlock(&d->l);
	return err;
}
