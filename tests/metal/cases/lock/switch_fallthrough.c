// Falling through reaches the release.
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
	switch (a) {
	case 1:
		work();
		break;
	case 2:
		unlock(&L);
		break;
	default:
		unlock(&L);
	}
	return 0; // expect: lock
}

int good(struct dev *d, int a)
{
	lock(&L);
	switch (a) {
	case 1:
		work();
		/* falls through */
	default:
		unlock(&L);
	}
	return 0;
}
