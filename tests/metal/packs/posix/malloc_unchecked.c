// What malloc returns is tested.
#include "../include/posix.h"

int direct(void) {
	struct s *p = malloc(sizeof *p);
	p->n = 1;  // expect: posix.malloc-unchecked
	free(p);
	return 0;
}
int tested(void) {
	struct s *p = malloc(sizeof *p);
	if (!p)
		return -1;
	p->n = 1;
	free(p);
	return 0;
}
int zeroed(void) {
	struct s *p = calloc(1, sizeof *p);
	p->n = 1;  // expect: posix.malloc-unchecked
	free(p);
	return 0;
}
int copied(const char *t) {
	char *p = strdup(t);
	p[0] = 0;  // expect: posix.malloc-unchecked
	free(p);
	return 0;
}
int copied_tested(const char *t) {
	char *p = strdup(t);
	if (p != NULL)
		p[0] = 0;
	free(p);
	return 0;
}
int file(const char *t) {
	FILE *f = fopen(t, "r");
	int n = f->pos;  // expect: posix.malloc-unchecked
	fclose(f);
	return n;
}
int file_tested(const char *t) {
	FILE *f = fopen(t, "r");
	int n;
	if (f == NULL)
		return -1;
	n = f->pos;
	fclose(f);
	return n;
}
int field(struct s *s) {
	s->name = malloc(10);
	s->name[0] = 'a';  // expect: posix.malloc-unchecked
	return 0;
}
int field_tested(struct s *s) {
	s->name = malloc(10);
	if (!s->name)
		return -1;
	s->name[0] = 'a';
	return 0;
}
int wrong_way(void) {
	struct s *p = malloc(sizeof *p);
	if (p)
		return 0;  // expect: posix.leak
	return p->n;  // expect: posix.malloc-unchecked
}
int in_test(void) {
	struct s *p;
	if ((p = malloc(sizeof *p)) == NULL)
		return 1;
	p->n = 2;
	free(p);
	return 0;
}
static void *xmalloc(size_t n) {
	void *p = malloc(n);
	if (!p)
		exit(1);
	return p;
}
int wrapped(void) {
	struct s *p = xmalloc(sizeof *p);
	p->n = 1;
	free(p);
	return 0;
}
static void *zalloc(size_t n) { return calloc(1, n); }
int wrapped_wrong(void) {
	struct s *p = zalloc(sizeof *p);
	p->n = 1;  // expect: posix.malloc-unchecked
	free(p);
	return 0;
}
int list(struct s **head) {
	struct s *p = malloc(sizeof *p);
	p->next = *head;  // expect: posix.malloc-unchecked
	*head = p;
	return 0;
}
int list_tested(struct s **head) {
	struct s *p = malloc(sizeof *p);
	if (!p)
		return 1;
	p->next = *head;
	*head = p;
	return 0;
}
int grown(char *b) {
	char *p = realloc(b, 20);
	p[10] = 1;  // expect: posix.malloc-unchecked
	free(p);
	return 0;
}
int grown_tested(char *b) {
	char *p = realloc(b, 20);
	if (!p) {
		free(b);
		return 1;
	}
	p[10] = 1;
	free(p);
	return 0;
}
int conditional(int n) {
	struct s *p = NULL;
	if (n)
		p = malloc(sizeof *p);
	if (p)
		p->n = n;
	free(p);
	return 0;
}
int tested_elsewhere(int n) {
	struct s *p = malloc(sizeof *p);
	if (n && !p)
		return 1;
	p->n = n;  // expect: posix.malloc-unchecked
	free(p);
	return 0;
}
static int *table;
static void table_init(void) {
  if (table) return;
  table = malloc(64);
  if (table) table[0] = 0;
}
int table_find(int n) {
  if (table == 0) return 0;
  return table[n];
}
int table_used(int n) {
  table_init();
  work();
  return table_find(n);
}
