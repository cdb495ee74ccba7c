// Freed and used under opposite conditions.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

int bad(struct node *p, int a, int b)
{
	if (a)
		kfree(p);
	if (b)
		return p->v; // expect: free
	return 0;
}

int good(struct node *p, int a)
{
	if (a)
		kfree(p);
	if (!a)
		return p->v;
	return 0;
}
