// Pointers into user space are not dereferenced.
#include "../include/kernel.h"

struct req { int n; char *p; struct { int x; } in; };
int direct(struct req *u) {
	struct req k;
	if (copy_from_user(&k, u, sizeof(k)))
		return -1;
	return u->n; // expect: linux.user-pointer linux-2.4.user-pointer
}
int the_copy(struct req *u) {
	struct req k;
	if (copy_from_user(&k, u, sizeof(k)))
		return -1;
	return k.n;
}
int index_of(int *u) {
	int k;
	copy_from_user(&k, u, 4);
	return u[2]; // expect: linux.user-pointer linux-2.4.user-pointer
}
int index_of_copy(int *u) {
	int k[3];
	copy_from_user(k, u, 12);
	return k[2];
}
int written(struct req *u) {
	put_user(1, (int *)u);
	u->n = 2; // expect: linux.user-pointer linux-2.4.user-pointer
	return 0;
}
int put(int *u) {
	put_user(1, u);
	put_user(2, u + 1);
	return 0;
}
int after_write(char *u, char *k) {
	copy_to_user(u, k, 10);
	return *u; // expect: linux.user-pointer linux-2.4.user-pointer
}
int kernel_side(char *u, char *k) {
	copy_to_user(u, k, 10);
	return *k;
}
static int read_it(struct req *r) { return r->n; } // expect: linux.user-pointer linux-2.4.user-pointer
int in_callee(struct req *u) {
	int n;
	get_user(n, (int *)u);
	return read_it(u);
}
static int read_kernel(struct req *r) { return r->n; }
int in_callee_copy(struct req *u) {
	struct req k;
	copy_from_user(&k, u, sizeof(k));
	return read_kernel(&k);
}
int inner(struct req *u) {
	struct req k;
	copy_from_user(&k, u, sizeof(k));
	return k.p[0];
}
int inner_user(struct req *u) {
	struct req k;
	char b;
	copy_from_user(&k, u, sizeof(k));
	copy_from_user(&b, k.p, 1);
	return k.p[1]; // expect: linux.user-pointer linux-2.4.user-pointer
}
int one_path(struct req *u, int n) {
	int v = 0;
	if (n)
		get_user(v, (int *)u);
	if (n)
		return u->in.x; // expect: linux.user-pointer linux-2.4.user-pointer
	return v;
}
int other_path(struct req *u, int kernel) {
	int v = 0;
	if (kernel)
		return u->n;
	get_user(v, (int *)u);
	return v;
}
int alias(struct req *u) {
	struct req k, *v = u;
	copy_from_user(&k, u, sizeof(k));
	return v->n; // expect: linux.user-pointer linux-2.4.user-pointer
}
int reassigned(struct req *u, struct req *own) {
	struct req k;
	copy_from_user(&k, u, sizeof(k));
	u = own;
	return u->n;
}
int string(char *u) {
	char k[10];
	strncpy_from_user(k, u, 10);
	if (*u == 'a') // expect: linux.user-pointer linux-2.4.user-pointer
		return 1;
	return 0;
}
int string_copy(char *u) {
	char k[10];
	strncpy_from_user(k, u, 10);
	return k[0] == 'a';
}
int loop(int *u, int n) {
	int i, v = 0;
	for (i = 0; i < n; i++) {
		get_user(v, u);
		v += *u; // expect: linux.user-pointer linux-2.4.user-pointer
		u++;
	}
	return v;
}
int loop_right(int *u, int n) {
	int i, v = 0, s = 0;
	for (i = 0; i < n; i++) {
		get_user(v, u);
		s += v;
		u++;
	}
	return s;
}
int address(struct req *u) {
	struct req k;
	copy_from_user(&k, u, sizeof(k));
	return copy_to_user(&u->in, &k.in, sizeof(k.in));
}
int swapped(struct req *k, int n) {
	char *u;
	if ((u = k->p)) {
		k->p = kmalloc(n, GFP_KERNEL);
		if (!k->p)
			return -1;
	}
	if (copy_from_user(k->p, u, n))
		return -1;
	return k->p[0];
}
