// A pointer kept in a field.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

char bad(struct node *p)
{
	kfree(p->name);
	return *p->name; // expect: free
}

char good(struct node *p)
{
	kfree(p->name);
	p->name = 0;
	return p->v;
}
