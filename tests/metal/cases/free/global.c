// A global pointer.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

static struct node *head;

int bad(void)
{
	kfree(head);
	return head->v; // expect: free
}

int good(void)
{
	kfree(head);
	head = 0;
	return work();
}
