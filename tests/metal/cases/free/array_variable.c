// A changed index is another element.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

char bad(char **a, int i)
{
	kfree(a[i]);
	return *a[i]; // expect: free
}

char good(char **a, int i)
{
	kfree(a[i]);
	i = i + 1;
	return *a[i];
}
