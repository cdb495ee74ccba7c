// The end of a function without a return statement.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

void bad(struct dev *d, int a)
{
	lock(&d->l);
	if (!a)
		unlock(&d->l);
} // expect: lock

void good(struct dev *d, int a)
{
	lock(&d->l);
	work();
	unlock(&d->l);
}
