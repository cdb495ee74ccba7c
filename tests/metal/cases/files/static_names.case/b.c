typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

static void step(lock_t *l)
{
	lock(l);
	unlock(l);
}

void good(lock_t *l)
{
	step(l);
}
