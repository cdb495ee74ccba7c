// A loop that surely runs.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d)
{
	int i;
	for (i = 0; i < 1; i++)
		lock(&L);
	return 0; // expect: lock
}

int good(struct dev *d)
{
	int i, done = 0;
	lock(&L);
	for (i = 0; i < 1; i++)
		done = 1;
	if (done)
		unlock(&L);
	return 0;
}
