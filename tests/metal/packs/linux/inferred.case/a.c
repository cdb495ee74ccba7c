/* Learnt in one file, broken in another. */
#include "../../include/kernel.h"
struct dev *lookup(int); struct dev *sure(int);
int begin(struct dev *);
struct box { spinlock_t lock; int fill, seed; };
int tested0(void) { struct dev *d = lookup(0); if (!d) return 0; return d->n; }
int tested1(void) { struct dev *d = lookup(1); if (!d) return 0; return d->n; }
int tested2(void) { struct dev *d = lookup(2); if (!d) return 0; return d->n; }
int tested3(void) { struct dev *d = lookup(3); if (!d) return 0; return d->n; }
int tested4(void) { struct dev *d = lookup(4); if (!d) return 0; return d->n; }
int tested5(void) { struct dev *d = lookup(5); if (!d) return 0; return d->n; }
int tested6(void) { struct dev *d = lookup(6); if (!d) return 0; return d->n; }
int tested7(void) { struct dev *d = lookup(7); if (!d) return 0; return d->n; }
int tested8(void) { struct dev *d = lookup(8); if (!d) return 0; return d->n; }
int tested9(void) { struct dev *d = lookup(9); if (!d) return 0; return d->n; }
int tested10(void) { struct dev *d = lookup(10); if (!d) return 0; return d->n; }
int tested11(void) { struct dev *d = lookup(11); if (!d) return 0; return d->n; }
int tested12(void) { struct dev *d = lookup(12); if (!d) return 0; return d->n; }
int tested13(void) { struct dev *d = lookup(13); if (!d) return 0; return d->n; }
int tested14(void) { struct dev *d = lookup(14); if (!d) return 0; return d->n; }
int tested15(void) { struct dev *d = lookup(15); if (!d) return 0; return d->n; }
int tested16(void) { struct dev *d = lookup(16); if (!d) return 0; return d->n; }
int tested17(void) { struct dev *d = lookup(17); if (!d) return 0; return d->n; }
int tested18(void) { struct dev *d = lookup(18); if (!d) return 0; return d->n; }
int tested19(void) { struct dev *d = lookup(19); if (!d) return 0; return d->n; }
int tested20(void) { struct dev *d = lookup(20); if (!d) return 0; return d->n; }
int tested21(void) { struct dev *d = lookup(21); if (!d) return 0; return d->n; }
int tested22(void) { struct dev *d = lookup(22); if (!d) return 0; return d->n; }
int tested23(void) { struct dev *d = lookup(23); if (!d) return 0; return d->n; }
int tested24(void) { struct dev *d = lookup(24); if (!d) return 0; return d->n; }
int tested25(void) { struct dev *d = lookup(25); if (!d) return 0; return d->n; }
int tested26(void) { struct dev *d = lookup(26); if (!d) return 0; return d->n; }
int tested27(void) { struct dev *d = lookup(27); if (!d) return 0; return d->n; }
int tested28(void) { struct dev *d = lookup(28); if (!d) return 0; return d->n; }
int tested29(void) { struct dev *d = lookup(29); if (!d) return 0; return d->n; }
void filled0(struct box *b) { spin_lock(&b->lock); b->fill = 0; spin_unlock(&b->lock); }
void filled1(struct box *b) { spin_lock(&b->lock); b->fill = 1; spin_unlock(&b->lock); }
void filled2(struct box *b) { spin_lock(&b->lock); b->fill = 2; spin_unlock(&b->lock); }
void filled3(struct box *b) { spin_lock(&b->lock); b->fill = 3; spin_unlock(&b->lock); }
void filled4(struct box *b) { spin_lock(&b->lock); b->fill = 4; spin_unlock(&b->lock); }
void filled5(struct box *b) { spin_lock(&b->lock); b->fill = 5; spin_unlock(&b->lock); }
void filled6(struct box *b) { spin_lock(&b->lock); b->fill = 6; spin_unlock(&b->lock); }
void filled7(struct box *b) { spin_lock(&b->lock); b->fill = 7; spin_unlock(&b->lock); }
void filled8(struct box *b) { spin_lock(&b->lock); b->fill = 8; spin_unlock(&b->lock); }
void filled9(struct box *b) { spin_lock(&b->lock); b->fill = 9; spin_unlock(&b->lock); }
void filled10(struct box *b) { spin_lock(&b->lock); b->fill = 10; spin_unlock(&b->lock); }
void filled11(struct box *b) { spin_lock(&b->lock); b->fill = 11; spin_unlock(&b->lock); }
void filled12(struct box *b) { spin_lock(&b->lock); b->fill = 12; spin_unlock(&b->lock); }
void filled13(struct box *b) { spin_lock(&b->lock); b->fill = 13; spin_unlock(&b->lock); }
void filled14(struct box *b) { spin_lock(&b->lock); b->fill = 14; spin_unlock(&b->lock); }
void filled15(struct box *b) { spin_lock(&b->lock); b->fill = 15; spin_unlock(&b->lock); }
void filled16(struct box *b) { spin_lock(&b->lock); b->fill = 16; spin_unlock(&b->lock); }
void filled17(struct box *b) { spin_lock(&b->lock); b->fill = 17; spin_unlock(&b->lock); }
void filled18(struct box *b) { spin_lock(&b->lock); b->fill = 18; spin_unlock(&b->lock); }
void filled19(struct box *b) { spin_lock(&b->lock); b->fill = 19; spin_unlock(&b->lock); }
void filled20(struct box *b) { spin_lock(&b->lock); b->fill = 20; spin_unlock(&b->lock); }
void filled21(struct box *b) { spin_lock(&b->lock); b->fill = 21; spin_unlock(&b->lock); }
void filled22(struct box *b) { spin_lock(&b->lock); b->fill = 22; spin_unlock(&b->lock); }
void filled23(struct box *b) { spin_lock(&b->lock); b->fill = 23; spin_unlock(&b->lock); }
void filled24(struct box *b) { spin_lock(&b->lock); b->fill = 24; spin_unlock(&b->lock); }
void filled25(struct box *b) { spin_lock(&b->lock); b->fill = 25; spin_unlock(&b->lock); }
void filled26(struct box *b) { spin_lock(&b->lock); b->fill = 26; spin_unlock(&b->lock); }
void filled27(struct box *b) { spin_lock(&b->lock); b->fill = 27; spin_unlock(&b->lock); }
void filled28(struct box *b) { spin_lock(&b->lock); b->fill = 28; spin_unlock(&b->lock); }
void filled29(struct box *b) { spin_lock(&b->lock); b->fill = 29; spin_unlock(&b->lock); }
int begun0(struct dev *d) { return begin(d + 0); }
int begun1(struct dev *d) { return begin(d + 1); }
int begun2(struct dev *d) { return begin(d + 2); }
int begun3(struct dev *d) { return begin(d + 3); }
int begun4(struct dev *d) { return begin(d + 4); }
int begun5(struct dev *d) { return begin(d + 5); }
int begun6(struct dev *d) { return begin(d + 6); }
int begun7(struct dev *d) { return begin(d + 7); }
int begun8(struct dev *d) { return begin(d + 8); }
int begun9(struct dev *d) { return begin(d + 9); }
int begun10(struct dev *d) { return begin(d + 10); }
int begun11(struct dev *d) { return begin(d + 11); }
