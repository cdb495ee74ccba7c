// Memory is freed, kept or returned on every path.
#include "../include/posix.h"

int early(void) {
	char *p = malloc(10);
	if (!p)
		return -1;
	if (work())
		return -2;  // expect: posix.leak
	free(p);
	return 0;
}
int early_freed(void) {
	char *p = malloc(10);
	if (!p)
		return -1;
	if (work()) {
		free(p);
		return -2;
	}
	free(p);
	return 0;
}
int never(void) {
	char *p = malloc(10);
	if (!p)
		return -1;
	strcpy(p, "a");
	return work();  // expect: posix.leak
}
char *returned(void) {
	char *p = malloc(10);
	if (p)
		strcpy(p, "a");
	return p;
}
char *returned_late(void) {
	char *p = malloc(10);
	if (p && work())
		return NULL;  // expect: posix.leak
	return p;
}
void stored(struct s *s) {
	char *p = malloc(10);
	s->name = p;
}
void handed(void) {
	char *p = malloc(10);
	if (p)
		keep(p);
}
int compared(const char *a) {
	char *p = strdup(a);
	if (!p)
		return -1;
	if (strcmp(p, "x") == 0)
		return 1;  // expect: posix.leak
	free(p);
	return 0;
}
int compared_freed(const char *a) {
	char *p = strdup(a);
	int r;
	if (!p)
		return -1;
	r = strcmp(p, "x");
	free(p);
	return r;
}
int overwritten(void) {
	char *p = malloc(1);
	p = malloc(2);  // expect: posix.leak
	free(p);
	return 0;
}
int not_overwritten(void) {
	char *p = malloc(1);
	free(p);
	p = malloc(2);
	free(p);
	return 0;
}
int loop(int n) {
	while (n--) {
		char *p = malloc(4);
		if (!p)
			break;
		if (work())
			continue;  // expect: posix.leak
		free(p);
	}
	return 0;
}
int loop_freed(int n) {
	while (n--) {
		char *p = malloc(4);
		if (!p)
			break;
		free(p);
	}
	return 0;
}
int second(void) {
	char *a = malloc(1), *b;
	if (!a)
		return 1;
	b = malloc(1);
	if (!b)
		return 2;  // expect: posix.leak
	free(a);
	free(b);
	return 0;
}
int second_freed(void) {
	char *a = malloc(1), *b;
	if (!a)
		return 1;
	b = malloc(1);
	if (!b) {
		free(a);
		return 2;
	}
	free(a);
	free(b);
	return 0;
}
int by_switch(int w) {
	char *p = malloc(1);
	if (!p)
		return 1;
	switch (w) {
	case 1:
		free(p);
		break;
	default:
		break;
	}
	return 0;  // expect: posix.leak
}
int exits(void) {
	char *p = malloc(1);
	if (work())
		exit(1);
	free(p);
	return 0;
}
static char *make(void) {
	char *p = malloc(1);
	return p;
}
int made(void) {
	char *p = make();
	if (!p)
		return 1;
	return work();  // expect: posix.leak
}
int made_freed(void) {
	char *p = make();
	free(p);
	return work();
}
int goes(void) {
	char *p = malloc(9);
	if (!p)
		goto out;
	if (work())
		goto out;
	free(p);
out:
	return 0;  // expect: posix.leak
}
