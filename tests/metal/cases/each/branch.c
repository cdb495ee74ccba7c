// for_each on one path only, and in a callee.
struct lock { int v; };
void take(struct lock *l);
void give(struct lock *l);
void wait_for_it(void);

int bad(struct lock *a, int n)
{
	if (n)
		take(a);
	if (n > 3)
		wait_for_it(); // expect: held-while-waiting
	if (n)
		give(a);
	return n;
}

int good(struct lock *a, int n)
{
	if (n)
		take(a);
	if (!n)
		wait_for_it();
	if (n)
		give(a);
	return n;
}

static void pause_here(struct lock *l)
{
	l->v++;
	wait_for_it(); // expect: held-while-waiting
}

void bad_callee(struct lock *a)
{
	take(a);
	pause_here(a);
	give(a);
}
