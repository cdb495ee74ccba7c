// Two loops, one way out of both.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int n)
{
	for (int i = 0; i < n; i++) {
		lock(&L);
		for (int j = 0; j < i; j++)
			if (work())
				goto out;
		unlock(&L);
	}
	return 0;
out:
	return 1; // expect: lock
}

int good(struct dev *d, int n)
{
	for (int i = 0; i < n; i++) {
		lock(&L);
		for (int j = 0; j < i; j++)
			if (work())
				break;
		unlock(&L);
	}
	return 0;
}
