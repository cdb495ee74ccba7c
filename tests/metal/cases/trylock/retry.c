// Until it works.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

int bad(lock_t *l)
{
	while (!trylock(l))
		work();
	return 0; // expect: lock
}

int good(lock_t *l)
{
	while (!trylock(l))
		work();
	unlock(l);
	return 0;
}
