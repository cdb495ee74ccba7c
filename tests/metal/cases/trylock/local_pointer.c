// A pointer to the lock in a variable.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

struct dev { lock_t l; };

int bad(struct dev *d, int a)
{
	lock_t *l = &d->l;
	lock(l);
	if (a)
		return 1; // expect: lock
	unlock(&d->l);
	return 0;
}

int good(struct dev *d)
{
	lock_t *l = &d->l;
	lock(l);
	work();
	unlock(&d->l);
	return 0;
}
