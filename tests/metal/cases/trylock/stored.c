// The answer is kept and looked at later.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

int bad(lock_t *l)
{
	int got = trylock(l);
	work();
	if (got)
		return 1; // expect: lock
	return 0;
}

int good(lock_t *l)
{
	int got = trylock(l);
	work();
	if (got)
		unlock(l);
	return got;
}
