typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

static inline int enter(lock_t *l)
{
	if (work())
		return -1;
	lock(l);
	return 0;
}
