// A cast does not change the object.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

int bad(void *p)
{
	kfree((char *)p);
	return *(int *)p; // expect: free
}

int good(void *p)
{
	int v = *(int *)p;
	kfree((char *)p);
	return v;
}
