// Learnt, which lock it is: used is written under lock, turns under a semaphore, size under either of two.
#include "../include/kernel.h"

struct box { spinlock_t lock, other; struct mutex gate; int used, size, turns; };
void used0(struct box *b) { spin_lock(&b->lock); b->used = 0; spin_unlock(&b->lock); }
void used1(struct box *b) { spin_lock(&b->lock); b->used = 1; spin_unlock(&b->lock); }
void used2(struct box *b) { spin_lock(&b->lock); b->used = 2; spin_unlock(&b->lock); }
void used3(struct box *b) { spin_lock(&b->lock); b->used = 3; spin_unlock(&b->lock); }
void used4(struct box *b) { spin_lock(&b->lock); b->used = 4; spin_unlock(&b->lock); }
void used5(struct box *b) { spin_lock(&b->lock); b->used = 5; spin_unlock(&b->lock); }
void used6(struct box *b) { spin_lock(&b->lock); b->used = 6; spin_unlock(&b->lock); }
void used7(struct box *b) { spin_lock(&b->lock); b->used = 7; spin_unlock(&b->lock); }
void used8(struct box *b) { spin_lock(&b->lock); b->used = 8; spin_unlock(&b->lock); }
void used9(struct box *b) { spin_lock(&b->lock); b->used = 9; spin_unlock(&b->lock); }
void used10(struct box *b) { spin_lock(&b->lock); b->used = 10; spin_unlock(&b->lock); }
void used11(struct box *b) { spin_lock(&b->lock); b->used = 11; spin_unlock(&b->lock); }
void used12(struct box *b) { spin_lock(&b->lock); b->used = 12; spin_unlock(&b->lock); }
void used13(struct box *b) { spin_lock(&b->lock); b->used = 13; spin_unlock(&b->lock); }
void used14(struct box *b) { spin_lock(&b->lock); b->used = 14; spin_unlock(&b->lock); }
void used15(struct box *b) { spin_lock(&b->lock); b->used = 15; spin_unlock(&b->lock); }
void used16(struct box *b) { spin_lock(&b->lock); b->used = 16; spin_unlock(&b->lock); }
void used17(struct box *b) { spin_lock(&b->lock); b->used = 17; spin_unlock(&b->lock); }
void used18(struct box *b) { spin_lock(&b->lock); b->used = 18; spin_unlock(&b->lock); }
void used19(struct box *b) { spin_lock(&b->lock); b->used = 19; spin_unlock(&b->lock); }
void used20(struct box *b) { spin_lock(&b->lock); b->used = 20; spin_unlock(&b->lock); }
void used21(struct box *b) { spin_lock(&b->lock); b->used = 21; spin_unlock(&b->lock); }
void used22(struct box *b) { spin_lock(&b->lock); b->used = 22; spin_unlock(&b->lock); }
void used23(struct box *b) { spin_lock(&b->lock); b->used = 23; spin_unlock(&b->lock); }
void used24(struct box *b) { spin_lock(&b->lock); b->used = 24; spin_unlock(&b->lock); }
void used25(struct box *b) { spin_lock(&b->lock); b->used = 25; spin_unlock(&b->lock); }
void used26(struct box *b) { spin_lock(&b->lock); b->used = 26; spin_unlock(&b->lock); }
void used27(struct box *b) { spin_lock(&b->lock); b->used = 27; spin_unlock(&b->lock); }
void used28(struct box *b) { spin_lock(&b->lock); b->used = 28; spin_unlock(&b->lock); }
void used29(struct box *b) { spin_lock(&b->lock); b->used = 29; spin_unlock(&b->lock); }
void used30(struct box *b) { spin_lock(&b->lock); b->used = 30; spin_unlock(&b->lock); }
void used31(struct box *b) { spin_lock(&b->lock); b->used = 31; spin_unlock(&b->lock); }
void used32(struct box *b) { spin_lock(&b->lock); b->used = 32; spin_unlock(&b->lock); }
void used33(struct box *b) { spin_lock(&b->lock); b->used = 33; spin_unlock(&b->lock); }
void used34(struct box *b) { spin_lock(&b->lock); b->used = 34; spin_unlock(&b->lock); }
void used35(struct box *b) { spin_lock(&b->lock); b->used = 35; spin_unlock(&b->lock); }
void used36(struct box *b) { spin_lock(&b->lock); b->used = 36; spin_unlock(&b->lock); }
void used37(struct box *b) { spin_lock(&b->lock); b->used = 37; spin_unlock(&b->lock); }
void used38(struct box *b) { spin_lock(&b->lock); b->used = 38; spin_unlock(&b->lock); }
void used39(struct box *b) { spin_lock(&b->lock); b->used = 39; spin_unlock(&b->lock); }
void size0(struct box *b) { spin_lock(&b->lock); b->size = 0; spin_unlock(&b->lock); }
void size1(struct box *b) { spin_lock(&b->lock); b->size = 1; spin_unlock(&b->lock); }
void size2(struct box *b) { spin_lock(&b->lock); b->size = 2; spin_unlock(&b->lock); }
void size3(struct box *b) { spin_lock(&b->lock); b->size = 3; spin_unlock(&b->lock); }
void size4(struct box *b) { spin_lock(&b->lock); b->size = 4; spin_unlock(&b->lock); }
void size5(struct box *b) { spin_lock(&b->lock); b->size = 5; spin_unlock(&b->lock); }
void size6(struct box *b) { spin_lock(&b->lock); b->size = 6; spin_unlock(&b->lock); }
void size7(struct box *b) { spin_lock(&b->lock); b->size = 7; spin_unlock(&b->lock); }
void size8(struct box *b) { spin_lock(&b->lock); b->size = 8; spin_unlock(&b->lock); }
void size9(struct box *b) { spin_lock(&b->lock); b->size = 9; spin_unlock(&b->lock); }
void size10(struct box *b) { spin_lock(&b->lock); b->size = 10; spin_unlock(&b->lock); }
void size11(struct box *b) { spin_lock(&b->lock); b->size = 11; spin_unlock(&b->lock); }
void size_other0(struct box *b) { spin_lock(&b->other); b->size = 0; spin_unlock(&b->other); }
void size_other1(struct box *b) { spin_lock(&b->other); b->size = 1; spin_unlock(&b->other); }
void size_other2(struct box *b) { spin_lock(&b->other); b->size = 2; spin_unlock(&b->other); }
void size_other3(struct box *b) { spin_lock(&b->other); b->size = 3; spin_unlock(&b->other); }
void size_other4(struct box *b) { spin_lock(&b->other); b->size = 4; spin_unlock(&b->other); }
void size_other5(struct box *b) { spin_lock(&b->other); b->size = 5; spin_unlock(&b->other); }
void size_other6(struct box *b) { spin_lock(&b->other); b->size = 6; spin_unlock(&b->other); }
void size_other7(struct box *b) { spin_lock(&b->other); b->size = 7; spin_unlock(&b->other); }
void size_other8(struct box *b) { spin_lock(&b->other); b->size = 8; spin_unlock(&b->other); }
void size_other9(struct box *b) { spin_lock(&b->other); b->size = 9; spin_unlock(&b->other); }
void size_other10(struct box *b) { spin_lock(&b->other); b->size = 10; spin_unlock(&b->other); }
void size_other11(struct box *b) { spin_lock(&b->other); b->size = 11; spin_unlock(&b->other); }
void turns0(struct box *b) { down(&b->gate); b->turns = 0; up(&b->gate); }
void turns1(struct box *b) { down(&b->gate); b->turns = 1; up(&b->gate); }
void turns2(struct box *b) { down(&b->gate); b->turns = 2; up(&b->gate); }
void turns3(struct box *b) { down(&b->gate); b->turns = 3; up(&b->gate); }
void turns4(struct box *b) { down(&b->gate); b->turns = 4; up(&b->gate); }
void turns5(struct box *b) { down(&b->gate); b->turns = 5; up(&b->gate); }
void turns6(struct box *b) { down(&b->gate); b->turns = 6; up(&b->gate); }
void turns7(struct box *b) { down(&b->gate); b->turns = 7; up(&b->gate); }
void turns8(struct box *b) { down(&b->gate); b->turns = 8; up(&b->gate); }
void turns9(struct box *b) { down(&b->gate); b->turns = 9; up(&b->gate); }
void turns10(struct box *b) { down(&b->gate); b->turns = 10; up(&b->gate); }
void turns11(struct box *b) { down(&b->gate); b->turns = 11; up(&b->gate); }
void turns12(struct box *b) { down(&b->gate); b->turns = 12; up(&b->gate); }
void turns13(struct box *b) { down(&b->gate); b->turns = 13; up(&b->gate); }
void turns14(struct box *b) { down(&b->gate); b->turns = 14; up(&b->gate); }
void turns15(struct box *b) { down(&b->gate); b->turns = 15; up(&b->gate); }
void turns16(struct box *b) { down(&b->gate); b->turns = 16; up(&b->gate); }
void turns17(struct box *b) { down(&b->gate); b->turns = 17; up(&b->gate); }
void turns18(struct box *b) { down(&b->gate); b->turns = 18; up(&b->gate); }
void turns19(struct box *b) { down(&b->gate); b->turns = 19; up(&b->gate); }
void used_other(struct box *b) {
	spin_lock(&b->other);
	b->used = 1;
	spin_unlock(&b->other);
}
void used_both(struct box *b) {
	spin_lock(&b->lock);
	spin_lock(&b->other);
	b->used = 1;
	spin_unlock(&b->other);
	b->used = 2;
	spin_unlock(&b->lock);
}
void used_bare(struct box *b) {
	b->used = 1; // expect: linux.lock-guards-field
}
void used_after(struct box *b) {
	spin_lock(&b->lock);
	work();
	spin_unlock(&b->lock);
	b->used++; // expect: linux.lock-guards-field
}
void turns_bare(struct box *b) {
	b->turns--; // expect: linux.lock-guards-field
}
void size_bare(struct box *b) {
	b->size = 1;
}
void box_init(struct box *b) {
	b->used = b->turns = 0;
}
void box_destroy(struct box *b) {
	b->used = b->turns = 0;
}
static void add_one(struct box *b) {
	b->used++;
}
void adds(struct box *b) {
	spin_lock(&b->lock);
	add_one(b);
	spin_unlock(&b->lock);
}
void made_here(void) {
	struct box *b = kmalloc(sizeof(*b), GFP_KERNEL);
	if (b)
		b->used = 1;
}
/* An allocation has locks of its own, and leaves ours held. */
void *kmalloc(size_t size, int gfp) {
	static spinlock_t pages;
	spin_unlock(&pages);
	return 0;
}
void used_after_allocation(struct box *b) {
	spin_lock(&b->lock);
	if (!kmalloc(1, GFP_ATOMIC))
		b->used = 3;
	spin_unlock(&b->lock);
}
/* A lock of another structure that is beside the field by chance. */
struct chip { spinlock_t lock; struct box *box; int busy; };
struct slot { int full; };
void full0(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 0; spin_unlock(&c->lock); }
void full1(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 1; spin_unlock(&c->lock); }
void full2(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 2; spin_unlock(&c->lock); }
void full3(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 3; spin_unlock(&c->lock); }
void full4(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 4; spin_unlock(&c->lock); }
void full5(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 5; spin_unlock(&c->lock); }
void full6(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 6; spin_unlock(&c->lock); }
void full7(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 7; spin_unlock(&c->lock); }
void full8(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 8; spin_unlock(&c->lock); }
void full9(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 9; spin_unlock(&c->lock); }
void full10(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 10; spin_unlock(&c->lock); }
void full11(struct chip *c, struct slot *s) { spin_lock(&c->lock); s->full = 11; spin_unlock(&c->lock); }
void full_bare(struct chip *c, struct slot *s) {
	s->full = 1;
}
void busy0(struct chip *c) { spin_lock(&c->lock); c->busy = 0; spin_unlock(&c->lock); }
void busy1(struct chip *c) { spin_lock(&c->lock); c->busy = 1; spin_unlock(&c->lock); }
void busy2(struct chip *c) { spin_lock(&c->lock); c->busy = 2; spin_unlock(&c->lock); }
void busy3(struct chip *c) { spin_lock(&c->lock); c->busy = 3; spin_unlock(&c->lock); }
void busy4(struct chip *c) { spin_lock(&c->lock); c->busy = 4; spin_unlock(&c->lock); }
void busy5(struct chip *c) { spin_lock(&c->lock); c->busy = 5; spin_unlock(&c->lock); }
void busy6(struct chip *c) { spin_lock(&c->lock); c->busy = 6; spin_unlock(&c->lock); }
void busy7(struct chip *c) { spin_lock(&c->lock); c->busy = 7; spin_unlock(&c->lock); }
void busy8(struct chip *c) { spin_lock(&c->lock); c->busy = 8; spin_unlock(&c->lock); }
void busy9(struct chip *c) { spin_lock(&c->lock); c->busy = 9; spin_unlock(&c->lock); }
void busy10(struct chip *c) { spin_lock(&c->lock); c->busy = 10; spin_unlock(&c->lock); }
void busy11(struct chip *c) { spin_lock(&c->lock); c->busy = 11; spin_unlock(&c->lock); }
void busy12(struct chip *c) { spin_lock(&c->lock); c->busy = 12; spin_unlock(&c->lock); }
void busy13(struct chip *c) { spin_lock(&c->lock); c->busy = 13; spin_unlock(&c->lock); }
void busy14(struct chip *c) { spin_lock(&c->lock); c->busy = 14; spin_unlock(&c->lock); }
void busy15(struct chip *c) { spin_lock(&c->lock); c->busy = 15; spin_unlock(&c->lock); }
void busy16(struct chip *c) { spin_lock(&c->lock); c->busy = 16; spin_unlock(&c->lock); }
void busy17(struct chip *c) { spin_lock(&c->lock); c->busy = 17; spin_unlock(&c->lock); }
void busy18(struct chip *c) { spin_lock(&c->lock); c->busy = 18; spin_unlock(&c->lock); }
void busy19(struct chip *c) { spin_lock(&c->lock); c->busy = 19; spin_unlock(&c->lock); }
void busy20(struct chip *c) { spin_lock(&c->lock); c->busy = 20; spin_unlock(&c->lock); }
void busy21(struct chip *c) { spin_lock(&c->lock); c->busy = 21; spin_unlock(&c->lock); }
void busy22(struct chip *c) { spin_lock(&c->lock); c->busy = 22; spin_unlock(&c->lock); }
void busy23(struct chip *c) { spin_lock(&c->lock); c->busy = 23; spin_unlock(&c->lock); }
void busy_bare(struct chip *c, struct slot *s) {
	c->busy = 1; // expect: linux.lock-guards-field
	s->full = 2;
}
/* The callee turns interrupts off and back on as it found them: they stay off. */
static void poke(struct chip *c) {
	unsigned long flags;
	save_flags(flags);
	cli();
	work();
	restore_flags(flags);
}
void busy_with_interrupts_off(struct chip *c) {
	cli();
	poke(c);
	c->busy = 2;
	sti();
}
void busy_with_interrupts_on_again(struct chip *c) {
	cli();
	poke(c);
	sti();
	c->busy = 3; // expect: linux.lock-guards-field
}
/* What lies in a lock's own structure is the lock's. */
struct nested_lock { spinlock_t lock; int count; };
void nest0(struct nested_lock *n) { spin_lock(&n->lock); n->count = 0; spin_unlock(&n->lock); }
void nest1(struct nested_lock *n) { spin_lock(&n->lock); n->count = 1; spin_unlock(&n->lock); }
void nest2(struct nested_lock *n) { spin_lock(&n->lock); n->count = 2; spin_unlock(&n->lock); }
void nest3(struct nested_lock *n) { spin_lock(&n->lock); n->count = 3; spin_unlock(&n->lock); }
void nest4(struct nested_lock *n) { spin_lock(&n->lock); n->count = 4; spin_unlock(&n->lock); }
void nest5(struct nested_lock *n) { spin_lock(&n->lock); n->count = 5; spin_unlock(&n->lock); }
void nest6(struct nested_lock *n) { spin_lock(&n->lock); n->count = 6; spin_unlock(&n->lock); }
void nest7(struct nested_lock *n) { spin_lock(&n->lock); n->count = 7; spin_unlock(&n->lock); }
void nest8(struct nested_lock *n) { spin_lock(&n->lock); n->count = 8; spin_unlock(&n->lock); }
void nest9(struct nested_lock *n) { spin_lock(&n->lock); n->count = 9; spin_unlock(&n->lock); }
void nest10(struct nested_lock *n) { spin_lock(&n->lock); n->count = 10; spin_unlock(&n->lock); }
void nest11(struct nested_lock *n) { spin_lock(&n->lock); n->count = 11; spin_unlock(&n->lock); }
void unnest(struct nested_lock *n) {
	if (--n->count == 0)
		spin_unlock(&n->lock);
}
/* Whoever begins it anew, or makes it known, has it to itself. */
void chip_reset(struct chip *c) {
	c->busy = 0;
}
int chip_register(struct chip *c) {
	c->busy = 0;
	return work();
}
/* However deep the locks of others lie in a callee, the one taken here is held until it is given back. */
static spinlock_t deep[5];
static int dive(void) {
	spin_lock(&deep[0]);
	spin_lock(&deep[1]);
	spin_lock(&deep[2]);
	spin_lock(&deep[3]);
	work();
	spin_unlock(&deep[3]);
	spin_unlock(&deep[2]);
	spin_unlock(&deep[1]);
	spin_unlock(&deep[0]);
	return work();
}
void busy_and_deep(struct chip *c) {
	spin_lock(&c->lock);
	dive();
	c->busy = 4;
	spin_unlock(&c->lock);
}
void busy_after_all(struct chip *c) {
	spin_lock(&c->lock);
	dive();
	spin_unlock(&c->lock);
	c->busy = 5; // expect: linux.lock-guards-field
}
/* A callee whose lock nests gives it back at the last turn only: not the one that is held here. */
static void turn_back(struct nested_lock *n) {
	if (--n->count == 0)
		spin_unlock(&n->lock);
}
void busy_and_nested(struct chip *c, struct nested_lock *n) {
	spin_lock(&c->lock);
	turn_back(n);
	c->busy = 6;
	spin_unlock(&c->lock);
}
/* One whose name says so gives back ours. */
static void chip_unlock(struct chip *c) {
	spin_unlock(&c->lock);
}
void busy_after_the_callee(struct chip *c) {
	spin_lock(&c->lock);
	chip_unlock(c);
	c->busy = 7; // expect: linux.lock-guards-field
}
