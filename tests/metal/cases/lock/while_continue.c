// A loop that releases in its body and takes again, balanced at the end.
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
	while (work()) {
		unlock(&L);
		work();
		lock(&L);
	}
	return 0; // expect: lock
}

int good(struct dev *d)
{
	lock(&L);
	while (work()) {
		unlock(&L);
		work();
		lock(&L);
	}
	unlock(&L);
	return 0;
}
