// Two calls down.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

static void inner(struct dev *d)
{
	lock(&L);
}

static void outer(struct dev *d)
{
	work();
	inner(d);
}

int bad(struct dev *d)
{
	outer(d);
	return 0; // expect: lock
}

int good(struct dev *d)
{
	outer(d);
	unlock(&L);
	return 0;
}
