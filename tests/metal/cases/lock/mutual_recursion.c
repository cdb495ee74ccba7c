// Two functions that call each other.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

static void even(struct dev *d, int n);

static void odd(struct dev *d, int n)
{
	if (n > 0)
		even(d, n - 1);
}

static void even(struct dev *d, int n)
{
	if (n == 0) {
		lock(&L);
		return;
	}
	even(d, n - 2);
}

int bad(struct dev *d)
{
	even(d, 4);
	return 0; // expect: lock
}

int good(struct dev *d)
{
	even(d, 4);
	unlock(&L);
	odd(0, 0);
	return 0;
}
