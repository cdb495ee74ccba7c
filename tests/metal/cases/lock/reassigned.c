// The flag that decides is overwritten.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	if (a)
		lock(&L);
	a = 0;
	if (a)
		unlock(&L);
	return 0; // expect: lock
}

int good(struct dev *d, int a)
{
	int saved = a;
	if (a)
		lock(&L);
	a = 0;
	if (saved)
		unlock(&L);
	return a;
}
