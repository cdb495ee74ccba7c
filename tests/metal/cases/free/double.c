// Freed twice.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

void bad(struct node *p, int a)
{
	kfree(p);
	if (a)
		kfree(p); // expect: free
}

void good(struct node *p, int a)
{
	if (a) {
		kfree(p);
		return;
	}
	kfree(p);
}
