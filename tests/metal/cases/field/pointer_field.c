// A function pointer stored in a structure.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

struct ops { void (*take)(struct dev *); };

static void do_take(struct dev *d)
{
	lock(&d->l);
}

static struct ops ops = { .take = do_take };

int bad(struct dev *d, struct ops *o)
{
	o->take(d);
	return 0; // expect: lock
}

int good(struct dev *d, struct ops *o)
{
	o->take(d);
	unlock(&d->l);
	return 0;
}

struct ops *get_ops(void) { return &ops; }
