// A copy made after the free.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

int bad(struct node *p)
{
	struct node *q;
	kfree(p);
	q = p;
	return *&q->v; // expect: free
}

int good(struct node *p)
{
	struct node *q;
	kfree(p);
	q = p;
	return q == 0;
}
