// A macro of the program that frees.
void kfree(const void *);
int work(void);
struct node { int v; struct node *next; char *name; };

#define RELEASE(x) do { kfree(x); (x) = 0; } while (0)
#define DROP(x) kfree(x)

int bad(struct node *p)
{
	DROP(p);
	return p->v; // expect: free
}

int good(struct node *p)
{
	RELEASE(p);
	return p == 0;
}
