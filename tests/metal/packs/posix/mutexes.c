// Mutexes are unlocked on every path, once.
#include "../include/posix.h"

int early(struct s *s) {
	pthread_mutex_lock(&s->m);
	if (work())
		return 1;  // expect: posix.mutex
	pthread_mutex_unlock(&s->m);
	return 0;
}
int early_unlocked(struct s *s) {
	int r;
	pthread_mutex_lock(&s->m);
	r = work();
	pthread_mutex_unlock(&s->m);
	return r;
}
void twice(struct s *s) {
	pthread_mutex_lock(&s->m);
	pthread_mutex_lock(&s->m);  // expect: posix.mutex
	pthread_mutex_unlock(&s->m);
}
void two(struct s *s) {
	pthread_mutex_lock(&s->m);
	pthread_mutex_lock(&s->other);
	pthread_mutex_unlock(&s->other);
	pthread_mutex_unlock(&s->m);
}
void unlocked_twice(struct s *s) {
	pthread_mutex_lock(&s->m);
	pthread_mutex_unlock(&s->m);
	pthread_mutex_unlock(&s->m);  // expect: posix.mutex
}
void gap(struct s *s) {
	pthread_mutex_lock(&s->m);
	pthread_mutex_unlock(&s->m);
	pthread_mutex_lock(&s->m);
	pthread_mutex_unlock(&s->m);
}
int loop(struct s *s) {
	for (; s; s = s->next) {
		pthread_mutex_lock(&s->m);
		if (work())
			return 1;  // expect: posix.mutex
		pthread_mutex_unlock(&s->m);
	}
	return 0;
}
int loop_unlocked(struct s *s) {
	for (; s; s = s->next) {
		pthread_mutex_lock(&s->m);
		work();
		pthread_mutex_unlock(&s->m);
	}
	return 0;
}
int tried(struct s *s) {
	if (pthread_mutex_trylock(&s->m) != 0)
		return 1;
	if (work())
		return 2;  // expect: posix.mutex
	pthread_mutex_unlock(&s->m);
	return 0;
}
int tried_unlocked(struct s *s) {
	if (pthread_mutex_trylock(&s->m) != 0)
		return 1;
	pthread_mutex_unlock(&s->m);
	return 0;
}
int wrong(struct s *s) {
	pthread_mutex_lock(&s->m);
	pthread_mutex_unlock(&s->other);
	return 0;  // expect: posix.mutex
}
static void in(struct s *s) { pthread_mutex_lock(&s->m); }
static void out(struct s *s) { pthread_mutex_unlock(&s->m); }
int helpers(struct s *s) {
	in(s);
	if (work())
		return 1;  // expect: posix.mutex
	out(s);
	return 0;
}
int helpers_right(struct s *s) {
	in(s);
	work();
	out(s);
	return 0;
}
int conditional(struct s *s, int l) {
	if (l)
		pthread_mutex_lock(&s->m);
	work();
	if (l)
		pthread_mutex_unlock(&s->m);
	return 0;
}
int conditional_wrong(struct s *s, int l) {
	if (l)
		pthread_mutex_lock(&s->m);
	work();
	if (!l)
		pthread_mutex_unlock(&s->m);
	return 0;  // expect: posix.mutex
}
int switched(struct s *s, int w) {
	pthread_mutex_lock(&s->m);
	switch (w) {
	case 1:
		return 1;  // expect: posix.mutex
	default:
		pthread_mutex_unlock(&s->m);
	}
	return 0;
}
int goes(struct s *s) {
	int r = 1;
	pthread_mutex_lock(&s->m);
	if (work())
		goto end;
	r = 0;
end:
	pthread_mutex_unlock(&s->m);
	return r;
}
void dies(struct s *s) {
	pthread_mutex_lock(&s->m);
	if (work())
		_exit(3);
	pthread_mutex_unlock(&s->m);
}
void never(struct s *s) {
	pthread_mutex_lock(&s->m);
	s->n = 1;
}  // expect: posix.mutex
