// The depth is part of the state.
typedef struct { int v; } lock_t;
void rlock(lock_t *);
void runlock(lock_t *);

void bad(lock_t *l, int a)
{
	rlock(l);
	rlock(l);
	runlock(l);
	if (a)
		return; // expect: depth
	runlock(l);
}

void good(lock_t *l)
{
	rlock(l);
	rlock(l);
	runlock(l);
	runlock(l);
}
