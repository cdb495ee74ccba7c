// Memory is not used after it was freed.
#include "../include/kernel.h"

int use(struct dev *d) {
	kfree(d);
	return d->n; // expect: linux.free linux-2.4.free
}
int use_before(struct dev *d) {
	int n = d->n;
	kfree(d);
	return n;
}
void twice(struct dev *d) {
	kfree(d->buf);
	kfree(d->buf); // expect: linux.free linux-2.4.free
}
void twice_reset(struct dev *d) {
	kfree(d->buf);
	d->buf = NULL;
	kfree(d->buf);
}
int error_path(struct dev *d) {
	char *p = kmalloc(8, GFP_KERNEL);
	if (!p)
		return -1;
	if (work())
		kfree(p);
	p[0] = 1; // expect: linux.free linux-2.4.free
	kfree(p);
	return 0;
}
int error_path_right(struct dev *d) {
	char *p = kmalloc(8, GFP_KERNEL);
	if (!p)
		return -1;
	if (work()) {
		kfree(p);
		return -1;
	}
	p[0] = 1;
	kfree(p);
	return 0;
}
void list(struct dev *d) {
	while (d) {
		kfree(d);
		d = d->next; // expect: linux.free linux-2.4.free
	}
}
void list_right(struct dev *d) {
	struct dev *next;
	while (d) {
		next = d->next;
		kfree(d);
		d = next;
	}
}
static void drop(struct dev *d) { kfree(d); }
int through_call(struct dev *d) {
	drop(d);
	return d->n; // expect: linux.free linux-2.4.free
}
int through_call_right(struct dev *d) {
	int n = d->n;
	drop(d);
	return n;
}
int skb_used(struct sk_buff *skb) {
	kfree_skb(skb);
	return skb->len; // expect: linux.free linux-2.4.free
}
int skb_counted(struct sk_buff *skb) {
	skb_get(skb);
	kfree_skb(skb);
	return skb->len;
}
int skb_counted_by_hand(struct sk_buff *skb) {
	atomic_inc(&skb->users);
	kfree_skb(skb);
	return skb->len;
}
void skb_twice(struct sk_buff *skb, int bad) {
	if (bad)
		kfree_skb(skb);
	kfree_skb(skb); // expect: linux.free linux-2.4.free
}
void skb_either(struct sk_buff *skb, int bad) {
	if (bad) {
		kfree_skb(skb);
		return;
	}
	kfree_skb(skb);
}
int alias(struct dev *d) {
	struct dev *e = d;
	kfree(d);
	return e->n; // expect: linux.free linux-2.4.free
}
int other(struct dev *d, struct dev *e) {
	kfree(d);
	return e->n;
}
int address_only(struct dev *d, struct dev *e) {
	kfree(d);
	return d == e;
}
int element(struct dev **v, int i) {
	kfree(v[i]);
	return v[i]->n; // expect: linux.free linux-2.4.free
}
int element_next(struct dev **v, int i) {
	kfree(v[i]);
	return v[i + 1]->n;
}
void written(struct dev *d) {
	vfree(d);
	d->n = 0; // expect: linux.free linux-2.4.free
}
void correlated(struct dev *d, int gone) {
	if (gone)
		kfree(d);
	if (!gone)
		d->n = 1;
}
int same_condition(struct dev *d, int gone) {
	if (gone)
		kfree(d);
	work();
	return gone ? d->n : 0; // expect: linux.free linux-2.4.free
}
void stored(struct dev *d) {
	kfree(d->next);
	d->next = kmalloc(sizeof(*d), GFP_KERNEL);
	if (d->next)
		d->next->n = 1;
}
struct sk_buff *next_skb(struct dev *);
void drained(struct dev *d) {
	while (d->n)
		kfree_skb(next_skb(d));
}
struct ring { int at; struct sk_buff *skb[16]; struct slot { struct sk_buff *skb; struct slot *next; } *ready; };
void by_field_index(struct ring *r) {
	int i;
	for (i = 0; i < 16; i++) {
		kfree_skb(r->skb[r->at]);
		r->at++;
		r->at &= 15;
	}
}
void by_field_index_wrong(struct ring *r) {
	int i;
	for (i = 0; i < 16; i++)
		kfree_skb(r->skb[r->at]); // expect: linux.free linux-2.4.free
}
void by_moving_field(struct ring *r, int n) {
	while (n--) {
		kfree_skb(r->ready->skb);
		r->ready = r->ready->next;
	}
}
struct head { struct dev *first; };
void unhook(struct head *h, struct dev *d);
static void drop_unhooked(struct dev *d) { kfree(d); }
/* What was taken off the list is not what the list leads to afterwards. */
void drain(struct head *h) {
	struct dev *d;
	while ((d = h->first)) {
		unhook(h, d);
		drop_unhooked(d);
	}
}
static void unhook_and_drop(struct head *h, struct dev *d) {
	h->first = d->next;
	kfree(d);
}
void drain_below(struct head *h) {
	struct dev *d = h->first;
	while (d) {
		unhook_and_drop(h, d);
		d = h->first;
		if (d)
			d->n--;
	}
}
void drain_wrong(struct head *h) {
	struct dev *d = h->first;
	drop_unhooked(d);
	d->n--; // expect: linux.free linux-2.4.free
}
