// An assignment of the program's own ends what was saved; one in another macro does too.
unsigned long read_flags(void);
void write_flags(unsigned long);
#define save(x) do { x = read_flags(); } while (0)
#define restore(x) write_flags(x)
#define CLEAR(x) do { x = 0; } while (0)

void bad(void)
{
	unsigned long flags;
	save(flags);
	flags = 0; // expect: saved
	restore(flags);
}

void bad_macro(void)
{
	unsigned long flags;
	save(flags);
	CLEAR(flags); // expect: saved
	restore(flags);
}

void good(void)
{
	unsigned long flags = 0;
	CLEAR(flags);
	save(flags);
	restore(flags);
	CLEAR(flags);
}
