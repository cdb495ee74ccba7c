// A tree freed by recursion.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

struct tree { struct tree *l, *r; int v; };

static void drop(struct tree *t)
{
	if (!t)
		return;
	drop(t->l);
	drop(t->r);
	kfree(t);
}

int bad(struct tree *t)
{
	drop(t);
	return t->v; // expect: free
}

int good(struct tree *t)
{
	int v = t->v;
	drop(t);
	return v;
}
