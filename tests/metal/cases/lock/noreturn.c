// A path that ends in a function that does not return is no exit.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

void die(void) __attribute__((noreturn));

int bad(struct dev *d, int a)
{
	lock(&L);
	if (a)
		work();
	else
		die();
	return 0; // expect: lock
}

int good(struct dev *d, int a)
{
	lock(&L);
	if (a)
		die();
	unlock(&L);
	return 0;
}
