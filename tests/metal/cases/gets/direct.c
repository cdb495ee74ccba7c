// A callout on the callee's name.
char *gets(char *);
char *fgets(char *, int, void *);

char *bad(char *b)
{
	return gets(b); // expect: gets
}

char *good(char *b, void *f)
{
	return fgets(b, 10, f);
}
