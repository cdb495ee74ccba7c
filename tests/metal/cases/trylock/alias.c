// The lock under another name.
typedef struct { int v; } lock_t;
void lock(lock_t *);
void unlock(lock_t *);
int trylock(lock_t *);
int work(void);

struct dev { lock_t l; struct dev *next; };

void bad(struct dev *d)
{
	struct dev *e = d->next;
	lock(&e->l);
	work();
} // expect: lock

void good(struct dev *d)
{
	struct dev *e = d->next;
	lock(&e->l);
	work();
	unlock(&d->next->l);
}
