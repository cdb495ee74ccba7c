// Taken twice.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

void bad(lock_t *l)
{
	lock(l);
	lock(l); // expect: lock
}

void good(lock_t *l, lock_t *m)
{
	lock(l);
	lock(m);
	unlock(m);
	unlock(l);
}
