// The callee uses what its caller freed.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

static int peek(struct node *x)
{
	return x->v; // expect: free
}

static int compare(struct node *x)
{
	return x != 0;
}

int bad(struct node *p)
{
	kfree(p);
	return peek(p);
}

int good(struct node *p)
{
	kfree(p);
	return compare(p);
}
