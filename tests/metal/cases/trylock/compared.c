// Compared with a number.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

int bad(lock_t *l)
{
	if (trylock(l) == 0)
		unlock(l); // expect: lock
	else
		unlock(l);
	return 0;
}

int good(lock_t *l)
{
	if (trylock(l) != 0)
		unlock(l);
	return 0;
}
