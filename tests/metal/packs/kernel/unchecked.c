// A result that can be null is tested.
#include "../include/kernel.h"

int direct(void) {
	struct dev *d = kmalloc(sizeof(*d), GFP_KERNEL);
	d->n = 1; // expect: linux.unchecked linux-2.4.unchecked
	return 0;
}
int tested(void) {
	struct dev *d = kmalloc(sizeof(*d), GFP_KERNEL);
	if (!d)
		return -1;
	d->n = 1;
	return 0;
}
int stored(struct dev *d) {
	d->buf = kmalloc(10, GFP_KERNEL);
	d->buf[0] = 1; // expect: linux.unchecked linux-2.4.unchecked
	return 0;
}
int stored_tested(struct dev *d) {
	d->buf = kmalloc(10, GFP_KERNEL);
	if (d->buf == NULL)
		return -1;
	d->buf[0] = 1;
	return 0;
}
int wrong_test(void) {
	struct dev *d = kmalloc(sizeof(*d), GFP_KERNEL);
	if (d)
		return 0;
	return d->n; // expect: linux.unchecked linux-2.4.unchecked
}
int assigned_in_test(void) {
	struct dev *d;
	if ((d = kmalloc(sizeof(*d), GFP_KERNEL)) == NULL)
		return -1;
	d->n = 2;
	return 0;
}
int vmalloced(void) {
	char *p = vmalloc(100);
	p[5] = 1; // expect: linux.unchecked linux-2.4.unchecked
	return 0;
}
int skb(void) {
	struct sk_buff *s = alloc_skb(10, GFP_ATOMIC);
	s->len = 1; // expect: linux.unchecked linux-2.4.unchecked
	return 0;
}
int skb_tested(void) {
	struct sk_buff *s = alloc_skb(10, GFP_ATOMIC);
	if (s)
		s->len = 1;
	return 0;
}
int one_path(int n) {
	struct dev *d = kmalloc(sizeof(*d), GFP_KERNEL);
	if (n) {
		if (!d)
			return -1;
	}
	d->n = n; // expect: linux.unchecked linux-2.4.unchecked
	return 0;
}
int both_paths(int n) {
	struct dev *d = kmalloc(sizeof(*d), GFP_KERNEL);
	if (n && !d)
		return -1;
	if (!d)
		return -2;
	d->n = n;
	return 0;
}
static struct dev *make(void) { return kmalloc(sizeof(struct dev), GFP_KERNEL); }
int by_maker(void) {
	struct dev *d = make();
	d->n = 1; // expect: linux.unchecked linux-2.4.unchecked
	return 0;
}
int by_maker_tested(void) {
	struct dev *d = make();
	if (!d)
		return -1;
	d->n = 1;
	return 0;
}
static void fill(struct dev *d) { d->n = 1; } // expect: linux.unchecked linux-2.4.unchecked
int in_callee(void) {
	struct dev *d = kmalloc(sizeof(*d), GFP_KERNEL);
	fill(d);
	return 0;
}
static void fill_tested(struct dev *d) {
	if (d)
		d->n = 1;
}
int in_callee_tested(void) {
	fill_tested(kmalloc(sizeof(struct dev), GFP_KERNEL));
	return 0;
}
int cloned(struct sk_buff *s) {
	struct sk_buff *c = skb_clone(s, GFP_ATOMIC);
	return c->len; // expect: linux.unchecked linux-2.4.unchecked
}
int cloned_tested(struct sk_buff *s) {
	struct sk_buff *c = skb_clone(s, GFP_ATOMIC);
	return c ? c->len : 0;
}
int two(void) {
	char *a = kmalloc(1, GFP_KERNEL), *b = kmalloc(1, GFP_KERNEL);
	if (!a)
		return -1;
	b[0] = a[0] = 1; // expect: linux.unchecked linux-2.4.unchecked
	return 0;
}
int two_tested(void) {
	char *a = kmalloc(1, GFP_KERNEL), *b = kmalloc(1, GFP_KERNEL);
	if (!a || !b)
		return -1;
	b[0] = a[0] = 1;
	return 0;
}
int retried(void) {
	char *a;
	do
		a = kmalloc(1, GFP_KERNEL);
	while (!a);
	a[0] = 1;
	return 0;
}
struct table { int n; int *rows; };
void wait_for(int row);
static void quiesce(struct table *t) {
	int i;
	if (t->rows)
		for (i = 0; i < t->n; i++)
			wait_for(t->rows[i]);
}
/* Tested once: the calls in the loop do not make it null again. */
void make_and_quiesce(struct table *t) {
	t->rows = kmalloc(8, GFP_KERNEL);
	quiesce(t);
}
static void quiesce_wrong(struct table *t) {
	int i;
	for (i = 0; i < t->n; i++)
		wait_for(t->rows[i]); // expect: linux.unchecked linux-2.4.unchecked
}
void make_and_quiesce_wrong(struct table *t) {
	t->rows = kmalloc(8, GFP_KERNEL);
	quiesce_wrong(t);
}
