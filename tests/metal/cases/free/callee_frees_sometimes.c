// Freed only when the call fails.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

static int submit(struct node *x)
{
	if (work()) {
		kfree(x);
		return -1;
	}
	return 0;
}

int bad(struct node *p)
{
	if (submit(p) < 0)
		return p->v; // expect: free
	return 0;
}

int good(struct node *p)
{
	if (submit(p) < 0)
		return -1;
	return p->v;
}
