// No large variables on the kernel stack.
#include "../include/kernel.h"

void use(void *);
struct big { char b[1200]; };
struct small { char b[100]; };
void array(void) {
	char b[1024]; // expect: linux.stack linux-2.4.stack
	use(b);
}
void array_small(void) {
	char b[1023];
	use(b);
}
void structure(void) {
	struct big b; // expect: linux.stack linux-2.4.stack
	use(&b);
}
void structure_pointer(struct big *b) {
	use(b);
}
void integers(void) {
	int v[300]; // expect: linux.stack linux-2.4.stack
	use(v);
}
void few_integers(void) {
	int v[30];
	use(v);
}
void block(int n) {
	if (n) {
		char b[4096]; // expect: linux.stack linux-2.4.stack
		use(b);
	}
}
void block_static(int n) {
	if (n) {
		static char b[4096];
		use(b);
	}
}
void structures(void) {
	struct small v[11]; // expect: linux.stack linux-2.4.stack
	use(v);
}
void few_structures(void) {
	struct small v[3];
	use(v);
}
void two_dimensions(void) {
	char b[64][32]; // expect: linux.stack linux-2.4.stack
	use(b);
}
void two_small_dimensions(void) {
	char b[16][32];
	use(b);
}
void sum(void) { // expect: linux.stack linux-2.4.stack
	char a[900], b[900], c[900];
	use(a);
	use(b);
	use(c);
}
void small_sum(void) {
	char a[300], b[300], c[300];
	use(a);
	use(b);
	use(c);
}
void loop(int n) {
	while (n--) {
		long v[200]; // expect: linux.stack linux-2.4.stack
		use(v);
	}
}
void allocated(void) {
	char *b = kmalloc(4096, GFP_KERNEL);
	use(b);
	kfree(b);
}
void initialised(void) {
	char b[2000] = { 0 }; // expect: linux.stack linux-2.4.stack
	use(b);
}
void parameter(char b[4096]) {
	use(b);
}
void last(void) {
	char a;
	char b[1500]; // expect: linux.stack linux-2.4.stack
	use(&a);
	use(b);
}
