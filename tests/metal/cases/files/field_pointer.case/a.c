// A function pointer filled in one file and called in another.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
struct dev { lock_t l; };
struct ops { void (*finish)(struct dev *); void (*start)(struct dev *); };

int bad(struct ops *o, struct dev *d)
{
	o->start(d);
	return 0; // expect: lock
}

int good(struct ops *o, struct dev *d)
{
	o->start(d);
	o->finish(d);
	return 0;
}
