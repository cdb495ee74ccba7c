// Calls whose failure must be looked at.
#include "../include/posix.h"

void setuid_dropped(void) {
	setuid(1);  // expect: posix.unchecked
}
int setuid_looked_at(void) {
	if (setuid(1) != 0)
		return 1;
	return 0;
}
void setgid_dropped(void) {
	setgid(1);  // expect: posix.unchecked
}
int setgid_looked_at(void) {
	if (setgid(1) != 0)
		return 1;
	return 0;
}
void chdir_dropped(void) {
	chdir("/");  // expect: posix.unchecked
}
int chdir_looked_at(void) {
	if (chdir("/") != 0)
		return 1;
	return 0;
}
void pipe_dropped(int *v) {
	pipe(v);  // expect: posix.unchecked
}
int pipe_looked_at(int *v) {
	if (pipe(v) != 0)
		return 1;
	return 0;
}
void dup2_dropped(void) {
	dup2(1, 2);  // expect: posix.unchecked
}
int dup2_looked_at(void) {
	if (dup2(1, 2) != 0)
		return 1;
	return 0;
}
void ftruncate_dropped(void) {
	ftruncate(1, 0);  // expect: posix.unchecked
}
int ftruncate_looked_at(void) {
	if (ftruncate(1, 0) != 0)
		return 1;
	return 0;
}
void in_branch(int n) {
	if (n)
		setuid(2);  // expect: posix.unchecked
}
int returned(void) {
	return setuid(2);
}
void in_loop(int n) {
	while (n--)
		chdir("..");  // expect: posix.unchecked
}
int kept(void) {
	int r = chdir("..");
	return r;
}
void meant(void) {
	(void)chdir("..");
}
int one_of_two(void) {
	setgid(1);  // expect: posix.unchecked
	return setuid(1);
}
int both(void) {
	return setgid(1) || setuid(1);
}
int before_comma(void) {
	int r = (setuid(3), 1);  // expect: posix.unchecked
	return r;
}
