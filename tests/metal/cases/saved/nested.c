// Saved inside an outer macro that the rule does not name; restored in another.
unsigned long read_flags(void);
void write_flags(unsigned long);
void take(int *);
#define save(x) do { x = read_flags(); } while (0)
#define restore(x) write_flags(x)
#define lock_save(l, x) do { save(x); take(l); } while (0)
#define unlock_restore(l, x) do { take(l); restore(x); } while (0)

void twice(int *a)
{
	unsigned long flags;
	lock_save(a, flags);
	lock_save(a, flags); // expect: saved
	unlock_restore(a, flags);
}

void good(int *a, int *b)
{
	unsigned long flags, inner;
	lock_save(a, flags);
	lock_save(b, inner);
	unlock_restore(b, inner);
	unlock_restore(a, flags);
}
