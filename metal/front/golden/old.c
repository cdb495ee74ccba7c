/* As old GCC took it. */
extern struct later table[4];
struct later { int x; };
int implicit(a, b) int a; char *b;
{
	char *s = "two
lines";
	(char *) b = s;
	foo(table[a].x);
	return undeclared(b);
}
static inline x() { return 1; }
y() { return x(); }
