// A helper that returns its object locked.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

struct dev { lock_t l; int n; };
struct dev *lookup(int);

static struct dev *get(int n)
{
	struct dev *d = lookup(n);
	if (!d)
		return 0;
	lock(&d->l);
	return d;
}

int bad(int n)
{
	struct dev *d = get(n);
	if (!d)
		return -1;
	if (d->n)
		return 0; // expect: lock
	unlock(&d->l);
	return 1;
}

int good(int n)
{
	struct dev *d = get(n);
	if (!d)
		return -1;
	unlock(&d->l);
	return 1;
}
