// A field or a variable named gets is not the function.
char *gets(char *);
struct counters { int gets; };

int bad(struct counters *c, char *b)
{
	return c->gets + (gets(b) != 0); // expect: gets
}

int good(struct counters *c)
{
	int gets = c->gets;
	return gets + 1;
}
