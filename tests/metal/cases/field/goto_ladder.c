// An error ladder that is entered one rung too low.
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
		goto fail;
	lock(&d->l);
	if (b)
		goto fail;
	unlock(&d->l);
	return 0;
fail:
	return -1; // expect: lock
}

int good(struct dev *d, int a, int b)
{
	if (a)
		goto fail;
	lock(&d->l);
	if (b)
		goto fail_held;
	unlock(&d->l);
	return 0;
fail_held:
	unlock(&d->l);
fail:
	return -1;
}
