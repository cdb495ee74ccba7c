// The helper holds exactly when it returns 0.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

static int try_take(struct dev *d)
{
	lock(&d->l);
	if (work()) {
		unlock(&d->l);
		return -1;
	}
	return 0;
}

int bad(struct dev *d)
{
	if (try_take(d) < 0)
		return -1;
	return 0; // expect: lock
}

int good(struct dev *d)
{
	if (try_take(d) < 0)
		return -1;
	unlock(&d->l);
	return 0;
}
