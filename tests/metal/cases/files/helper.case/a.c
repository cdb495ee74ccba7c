// A helper in another file takes the lock.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
void take(lock_t *l);

int bad(lock_t *l)
{
	take(l);
	return 0; // expect: lock
}

int good(lock_t *l)
{
	take(l);
	unlock(l);
	return 0;
}
