// Constant indices tell elements apart.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

char bad(char **a)
{
	kfree(a[0]);
	return *a[0]; // expect: free
}

char good(char **a)
{
	kfree(a[0]);
	return *a[1];
}
