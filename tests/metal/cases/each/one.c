// for_each(l in held): the object that is in that state when a global transition fires.
struct lock { int v; };
void take(struct lock *l);
void give(struct lock *l);
void wait_for_it(void);

void bad(struct lock *a)
{
	take(a);
	wait_for_it(); // expect: held-while-waiting
	give(a);
}

void good(struct lock *a)
{
	wait_for_it();
	take(a);
	give(a);
	wait_for_it();
}
