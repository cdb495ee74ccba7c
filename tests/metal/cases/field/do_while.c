// A do loop runs at least once.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d)
{
	do {
		lock(&d->l);
	} while (0);
	return work(); // expect: lock
}

int good(struct dev *d)
{
	do {
		lock(&d->l);
		unlock(&d->l);
	} while (work());
	return 0;
}
