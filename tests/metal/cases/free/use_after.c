// A read through the freed pointer.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

int bad(struct node *p)
{
	kfree(p);
	return p->v; // expect: free
}

int good(struct node *p)
{
	int v = p->v;
	kfree(p);
	return v;
}
