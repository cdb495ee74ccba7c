// Taking an address, or the size, reads nothing.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

int bad(struct node *p)
{
	kfree(p);
	return (int)sizeof(*p) + p->v; // expect: free
}

unsigned long good(struct node *p)
{
	kfree(p);
	return (unsigned long)&p->v + sizeof(*p);
}
