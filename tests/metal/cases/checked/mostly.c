// Four places test, one does not: the one is reported.
struct s { int v; };
struct s *get(void);

int a(void) { struct s *p = get(); if (!p) return 0; return p->v; }
int b(void) { struct s *p = get(); if (!p) return 0; return p->v; }
int c(void) { struct s *p = get(); if (!p) return 0; return p->v; }
int d(void) { struct s *p = get(); if (!p) return 0; return p->v; }
int e(void) { struct s *p = get(); if (!p) return 0; return p->v; }

int bad(void)
{
	struct s *p = get();
	return p->v; // expect: checked
}
