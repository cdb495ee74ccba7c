// Data can guard a pattern.
typedef struct { int v; } lock_t;
void rlock(lock_t *);
void runlock(lock_t *);

void bad(lock_t *l)
{
	rlock(l);
	rlock(l);
	rlock(l);
	rlock(l); // expect: depth
}

void good(lock_t *l)
{
	rlock(l);
	rlock(l);
	rlock(l);
	runlock(l);
	runlock(l);
	runlock(l);
}
