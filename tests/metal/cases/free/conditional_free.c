// A null test has nothing to do with it.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

int bad(struct node *p)
{
	if (p)
		kfree(p);
	return p ? p->v : 0; // expect: free
}

int good(struct node *p)
{
	if (p)
		kfree(p);
	return p ? 1 : 0;
}
