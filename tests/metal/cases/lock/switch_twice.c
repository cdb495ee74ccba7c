// The same switch value decides twice.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);
extern lock_t L;
struct dev { lock_t l; int n; struct dev *next; int (*op)(struct dev *); };

int bad(struct dev *d, int a)
{
	switch (a) {
	case 1:
		lock(&L);
		break;
	}
	switch (a) {
	case 2:
		unlock(&L); // expect: lock
		break;
	}
	return 0; // expect: lock
}

int good(struct dev *d, int a)
{
	switch (a) {
	case 1:
		lock(&L);
		break;
	}
	work();
	switch (a) {
	case 1:
		unlock(&L);
		break;
	}
	return 0;
}
