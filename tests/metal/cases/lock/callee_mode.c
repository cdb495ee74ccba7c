// One function takes and releases, by its argument.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

static void mode(struct dev *d, int on)
{
	if (on)
		lock(&L);
	else
		unlock(&L);
}

int bad(struct dev *d)
{
	mode(d, 1);
	work();
	return 0; // expect: lock
}

int good(struct dev *d)
{
	mode(d, 1);
	work();
	mode(d, 0);
	return 0;
}
