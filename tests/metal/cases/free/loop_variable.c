// Each round frees its own.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

struct node *take(void);

void bad(void)
{
	struct node *p = take();
	while (work())
		kfree(p); // expect: free
}

void good(void)
{
	struct node *p;
	while ((p = take()))
		kfree(p);
}
