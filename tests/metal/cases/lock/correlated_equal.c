// Two variables that are equal stay so.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a, int b)
{
	if (a == b)
		lock(&L);
	b++;
	if (a == b)
		unlock(&L); // expect: lock
	return 0; // expect: lock
}

int good(struct dev *d, int a, int b)
{
	if (a == b)
		lock(&L);
	work();
	if (a == b)
		unlock(&L);
	return 0;
}
