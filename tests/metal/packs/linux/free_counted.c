// One reference of several is given up: who calls such a function has others.
#include "../include/kernel.h"
typedef struct { int v; } refcount_t;
int refcount_dec_and_test(refcount_t *);
struct shared { refcount_t count; int n; struct shared *next; };

static void put(struct shared *s)
{
	if (refcount_dec_and_test(&s->count))
		kfree(s);
}
int put_and_used(struct shared *s)
{
	put(s);
	return s->n;
}
static void drop(struct shared *s)
{
	if (s->n)
		kfree(s);
}
int dropped_and_used(struct shared *s)
{
	drop(s);
	return s->n; // expect: linux.free
}
// The first of a list, taken off it: the head leads to another one then.
struct list { struct list *next, *prev; };
static inline void list_del(struct list *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
}
struct entry { int n; struct list list; };
#define first(head) ({ void *mptr = (void *)(head)->next; (struct entry *)(mptr - __builtin_offsetof(struct entry, list)); })
void free_all(struct list *head)
{
	while (head->next != head) {
		struct entry *e = first(head);
		list_del(&e->list);
		kfree(e);
	}
}
