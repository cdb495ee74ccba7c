// An inline function is no obstacle.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

static inline int checked(struct dev *d, int a)
{
	if (a < 0)
		return a;
	lock(&d->l);
	return 0;
}

int bad(struct dev *d, int a)
{
	if (checked(d, a))
		return 1;
	return 0; // expect: lock
}

int good(struct dev *d, int a)
{
	if (checked(d, a))
		return 1;
	unlock(&d->l);
	return 0;
}
