// A new value for the variable ends the matter.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

struct node *make(void);

int bad(struct node *p)
{
	kfree(p);
	struct node *q = make();
	return p->v + q->v; // expect: free
}

int good(struct node *p)
{
	kfree(p);
	p = make();
	return p->v;
}
