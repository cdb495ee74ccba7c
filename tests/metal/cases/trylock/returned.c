// A wrapper returns the answer.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

static int attempt(lock_t *l)
{
	return trylock(l);
}

int bad(lock_t *l)
{
	if (attempt(l))
		return 1; // expect: lock
	return 0;
}

int good(lock_t *l)
{
	if (attempt(l))
		unlock(l);
	return 0;
}
