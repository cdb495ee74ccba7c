// Freeing a list while walking it.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

void bad(struct node *p)
{
	while (p) {
		kfree(p);
		p = p->next; // expect: free
	}
}

void good(struct node *p)
{
	while (p) {
		struct node *next = p->next;
		kfree(p);
		p = next;
	}
}
