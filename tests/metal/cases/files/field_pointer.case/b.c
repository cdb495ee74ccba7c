typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
struct dev { lock_t l; };
struct ops { void (*finish)(struct dev *); void (*start)(struct dev *); };

static void my_start(struct dev *d) { lock(&d->l); }
static void my_finish(struct dev *d) { unlock(&d->l); }

struct ops my_ops = { .start = my_start, .finish = my_finish };
