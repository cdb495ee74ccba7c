// Static functions of equal name in two files are two functions.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

static void step(lock_t *l)
{
	lock(l);
}

void bad(lock_t *l)
{
	step(l);
} // expect: lock
