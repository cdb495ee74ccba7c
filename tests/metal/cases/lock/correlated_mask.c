// A bit test twice.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	if (a & 4)
		lock(&L);
	a = work();
	if (a & 4)
		return 1; // expect: lock
	return 0;
}

int good(struct dev *d, int a)
{
	if (a & 4)
		lock(&L);
	work();
	if (a & 4)
		unlock(&L);
	return 0;
}
