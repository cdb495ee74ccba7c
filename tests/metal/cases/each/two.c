// for_each over two objects: both are told of, once each is given back neither is.
struct lock { int v; };
void take(struct lock *l);
void give(struct lock *l);
void wait_for_it(void);

void bad(struct lock *a, struct lock *b)
{
	take(a);
	take(b);
	give(a);
	wait_for_it(); // expect: held-while-waiting
	give(b);
}

void good(struct lock *a, struct lock *b)
{
	take(a);
	take(b);
	give(b);
	give(a);
	wait_for_it();
}
