// An early return skips the release.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	lock(&L);
	if (a)
		return -1; // expect: lock
	unlock(&L);
	return 0;
}

int good(struct dev *d, int a)
{
	lock(&L);
	if (a) {
		unlock(&L);
		return -1;
	}
	unlock(&L);
	return 0;
}
