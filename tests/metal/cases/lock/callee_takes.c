// A helper takes, its caller releases.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

static void take(struct dev *d)
{
	lock(&L);
}

int bad(struct dev *d)
{
	take(d);
	return 0; // expect: lock
}

int good(struct dev *d)
{
	take(d);
	unlock(&L);
	return 0;
}
