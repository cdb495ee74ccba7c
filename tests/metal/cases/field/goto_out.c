// One label releases, another does not.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	int err = 0;
	lock(&d->l);
	if (a) {
		err = -1;
		goto out;
	}
	unlock(&d->l);
	return 0;
out:
	return err; // expect: lock
}

int good(struct dev *d, int a)
{
	int err = 0;
	lock(&d->l);
	if (a) {
		err = -1;
		goto out;
	}
	work();
out:
	unlock(&d->l);
	return err;
}
