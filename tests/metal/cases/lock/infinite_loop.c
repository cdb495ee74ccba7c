// A loop without an end has no exit to complain of.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d)
{
	lock(&L);
	for (;;) {
		if (work())
			return 1; // expect: lock
	}
}

int good(struct dev *d)
{
	lock(&L);
	for (;;)
		work();
}
