// The callee frees what it is handed.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

static void destroy(struct node *x)
{
	kfree(x);
}

int bad(struct node *p)
{
	destroy(p);
	return p->v; // expect: free
}

int good(struct node *p)
{
	int v = p->v;
	destroy(p);
	return v;
}
