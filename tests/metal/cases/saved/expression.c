// The macro is an expression that assigns to its argument.
unsigned long read_flags(void);
void write_flags(unsigned long);
#define save(x) ((x) = read_flags())
#define restore(x) write_flags(x)

void twice(void)
{
	unsigned long flags;
	save(flags);
	save(flags); // expect: saved
	restore(flags);
}

void lost(int n)
{
	unsigned long flags;
	save(flags);
	if (n)
		return; // expect: saved
	restore(flags);
}

void good(void)
{
	unsigned long flags;
	save(flags);
	restore(flags);
	save(flags);
	restore(flags);
}
