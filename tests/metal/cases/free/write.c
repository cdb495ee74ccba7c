// Writing is use as well.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

void bad(struct node *p)
{
	kfree(p);
	p->v = 0; // expect: free
}

void good(struct node *p)
{
	p->v = 0;
	kfree(p);
}
