// Another name for the same object.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

int bad(struct node *p)
{
	struct node *q = p;
	kfree(p);
	return q->v; // expect: free
}

int good(struct node *p, struct node *r)
{
	struct node *q = p;
	q = r;
	kfree(p);
	return q->v;
}
