// Recursion ends, and what it leaves is what its base case leaves.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

static void down(struct dev *d, int n)
{
	if (n == 0) {
		lock(&L);
		return;
	}
	down(d, n - 1);
}

int bad(struct dev *d, int n)
{
	down(d, n);
	return 0; // expect: lock
}

int good(struct dev *d, int n)
{
	down(d, n);
	unlock(&L);
	return 0;
}
