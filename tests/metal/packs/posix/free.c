// Memory is not used after it was freed.
#include "../include/posix.h"

int used(struct s *p) {
	free(p);
	return p->n;  // expect: posix.free
}
int used_before(struct s *p) {
	int n = p->n;
	free(p);
	return n;
}
void twice(struct s *p) {
	free(p->name);
	free(p->name);  // expect: posix.free
}
void reset(struct s *p) {
	free(p->name);
	p->name = NULL;
	free(p->name);
}
void list(struct s *p) {
	while (p) {
		free(p);
		p = p->next;  // expect: posix.free
	}
}
void list_right(struct s *p) {
	struct s *next;
	for (; p; p = next) {
		next = p->next;
		free(p);
	}
}
int error(struct s *p, int bad) {
	if (bad)
		free(p);
	p->n = 1;  // expect: posix.free
	return 0;
}
int error_right(struct s *p, int bad) {
	if (bad) {
		free(p);
		return -1;
	}
	p->n = 1;
	return 0;
}
static void drop(struct s *p) {
	free(p->name);
	free(p);
}
int dropped(struct s *p) {
	drop(p);
	return p->n;  // expect: posix.free
}
int dropped_last(struct s *p) {
	int n = p->n;
	drop(p);
	return n;
}
int alias(struct s *p) {
	struct s *q = p;
	free(p);
	return q->n;  // expect: posix.free
}
int other(struct s *p, struct s *q) {
	free(p);
	return q->n;
}
int closed(FILE *f) {
	fclose(f);
	return f->pos;  // expect: posix.free
}
int closed_last(FILE *f) {
	int n = f->pos;
	fclose(f);
	return n;
}
void closed_twice(FILE *f, int e) {
	if (e)
		fclose(f);
	fclose(f);  // expect: posix.free
}
void closed_either(FILE *f, int e) {
	if (e) {
		fclose(f);
		return;
	}
	fclose(f);
}
void elements(char **v, int n) {
	int i;
	for (i = 0; i < n; i++)
		free(v[i]);
}
void element_twice(char **v, int i) {
	free(v[i]);
	free(v[i]);  // expect: posix.free
}
void written(struct s *p) {
	free(p);
	p->n = 0;  // expect: posix.free
}
void renewed(struct s *p) {
	free(p);
	p = malloc(sizeof *p);
	if (p)
		p->n = 1;
	free(p);
}
static void say_and_exit(int n) { work(); exit(n); }
static void fail(void) { say_and_exit(2); }
static void fail_perhaps(int n) { if (n) say_and_exit(n); }
/* What never comes back ends the path, whatever it is called. */
void freed_then_failed(char *p) {
	if (work()) {
		free(p);
		fail();
	}
	free(p);
}
void freed_then_failed_perhaps(char *p, int n) {
	if (work()) {
		free(p);
		fail_perhaps(n);
	}
	free(p); // expect: posix.free
}
