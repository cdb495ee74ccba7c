// Held only when the call says so.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

int bad(lock_t *l)
{
	if (!trylock(l))
		return -1;
	return 0; // expect: lock
}

int good(lock_t *l)
{
	if (!trylock(l))
		return -1;
	unlock(l);
	return 0;
}
