// What the caller holds through a pointer.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

static void clear(struct node **x)
{
	kfree(*x);
	*x = 0;
}

static void half(struct node **x)
{
	kfree(*x);
}

int bad(struct node *p)
{
	half(&p);
	return p->v; // expect: free
}

int good(struct node *p)
{
	clear(&p);
	return p == 0;
}
