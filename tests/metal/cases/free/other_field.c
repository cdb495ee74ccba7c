// Two fields are two objects.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

struct two { char *a, *b; };

char bad(struct two *t)
{
	kfree(t->a);
	return *t->a; // expect: free
}

char good(struct two *t)
{
	kfree(t->a);
	return *t->b;
}
