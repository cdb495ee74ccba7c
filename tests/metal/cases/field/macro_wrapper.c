// A macro of the program around the primitive.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

#define BEGIN do { lock(&d->l); } while (0)
#define FINISH do { unlock(&d->l); } while (0)

int bad(struct dev *d, int a)
{
	BEGIN;
	if (a)
		return 1; // expect: lock
	FINISH;
	return 0;
}

int good(struct dev *d, int a)
{
	BEGIN;
	if (a)
		work();
	FINISH;
	return 0;
}
