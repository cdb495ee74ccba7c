// A break leaves the loop before the release.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int n)
{
	int i;
	for (i = 0; i < n; i++) {
		lock(&d->l);
		if (work())
			break;
		unlock(&d->l);
	}
	return 0; // expect: lock
}

int good(struct dev *d, int n)
{
	int i;
	for (i = 0; i < n; i++) {
		lock(&d->l);
		if (work()) {
			unlock(&d->l);
			break;
		}
		unlock(&d->l);
	}
	return 0;
}
