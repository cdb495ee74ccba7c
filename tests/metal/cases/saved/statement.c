// The macro is a statement that assigns to its argument.
unsigned long read_flags(void);
void write_flags(unsigned long);
#define save(x) do { unsigned long *check = &(x); (void)check; x = read_flags(); } while (0)
#define restore(x) do { write_flags(x); } while (0)

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

void good(int n)
{
	unsigned long flags;
	save(flags);
	if (n)
		n++;
	restore(flags);
}
