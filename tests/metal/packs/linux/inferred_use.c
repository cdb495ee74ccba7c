// Learnt: what start and halt return is looked at, what poke returns is not.
#include "../include/kernel.h"

int start(struct dev *); int halt(struct dev *); int poke(struct dev *); unsigned ticks(struct dev *); void done(struct dev *);
int start0(struct dev *d) { if (start(d + 0)) return 0; return 0; }
int start1(struct dev *d) { if (start(d + 1)) return 1; return 0; }
int start2(struct dev *d) { if (start(d + 2)) return 2; return 0; }
int start3(struct dev *d) { if (start(d + 3)) return 3; return 0; }
int start4(struct dev *d) { if (start(d + 4)) return 4; return 0; }
int start5(struct dev *d) { if (start(d + 5)) return 5; return 0; }
int start6(struct dev *d) { if (start(d + 6)) return 6; return 0; }
int start7(struct dev *d) { if (start(d + 7)) return 7; return 0; }
int start8(struct dev *d) { if (start(d + 8)) return 8; return 0; }
int start9(struct dev *d) { if (start(d + 9)) return 9; return 0; }
int start10(struct dev *d) { if (start(d + 10)) return 10; return 0; }
int start11(struct dev *d) { if (start(d + 11)) return 11; return 0; }
int start12(struct dev *d) { if (start(d + 12)) return 12; return 0; }
int start13(struct dev *d) { if (start(d + 13)) return 13; return 0; }
int start14(struct dev *d) { if (start(d + 14)) return 14; return 0; }
int start15(struct dev *d) { if (start(d + 15)) return 15; return 0; }
int start16(struct dev *d) { if (start(d + 16)) return 16; return 0; }
int start17(struct dev *d) { if (start(d + 17)) return 17; return 0; }
int start18(struct dev *d) { if (start(d + 18)) return 18; return 0; }
int start19(struct dev *d) { if (start(d + 19)) return 19; return 0; }
int start20(struct dev *d) { if (start(d + 20)) return 20; return 0; }
int start21(struct dev *d) { if (start(d + 21)) return 21; return 0; }
int start22(struct dev *d) { if (start(d + 22)) return 22; return 0; }
int start23(struct dev *d) { if (start(d + 23)) return 23; return 0; }
int start24(struct dev *d) { if (start(d + 24)) return 24; return 0; }
int start25(struct dev *d) { if (start(d + 25)) return 25; return 0; }
int start26(struct dev *d) { if (start(d + 26)) return 26; return 0; }
int start27(struct dev *d) { if (start(d + 27)) return 27; return 0; }
int start28(struct dev *d) { if (start(d + 28)) return 28; return 0; }
int start29(struct dev *d) { if (start(d + 29)) return 29; return 0; }
int start30(struct dev *d) { if (start(d + 30)) return 30; return 0; }
int start31(struct dev *d) { if (start(d + 31)) return 31; return 0; }
int start32(struct dev *d) { if (start(d + 32)) return 32; return 0; }
int start33(struct dev *d) { if (start(d + 33)) return 33; return 0; }
int start34(struct dev *d) { if (start(d + 34)) return 34; return 0; }
int start35(struct dev *d) { if (start(d + 35)) return 35; return 0; }
int start36(struct dev *d) { if (start(d + 36)) return 36; return 0; }
int start37(struct dev *d) { if (start(d + 37)) return 37; return 0; }
int start38(struct dev *d) { if (start(d + 38)) return 38; return 0; }
int start39(struct dev *d) { if (start(d + 39)) return 39; return 0; }
int start40(struct dev *d) { if (start(d + 40)) return 40; return 0; }
int start41(struct dev *d) { if (start(d + 41)) return 41; return 0; }
int start42(struct dev *d) { if (start(d + 42)) return 42; return 0; }
int start43(struct dev *d) { if (start(d + 43)) return 43; return 0; }
int start44(struct dev *d) { if (start(d + 44)) return 44; return 0; }
int start45(struct dev *d) { if (start(d + 45)) return 45; return 0; }
int start46(struct dev *d) { if (start(d + 46)) return 46; return 0; }
int start47(struct dev *d) { if (start(d + 47)) return 47; return 0; }
int halt0(struct dev *d) { return halt(d + 0); }
int halt1(struct dev *d) { return halt(d + 1); }
int halt2(struct dev *d) { return halt(d + 2); }
int halt3(struct dev *d) { return halt(d + 3); }
int halt4(struct dev *d) { return halt(d + 4); }
int halt5(struct dev *d) { return halt(d + 5); }
int halt6(struct dev *d) { return halt(d + 6); }
int halt7(struct dev *d) { return halt(d + 7); }
int halt8(struct dev *d) { return halt(d + 8); }
int halt9(struct dev *d) { return halt(d + 9); }
int halt10(struct dev *d) { return halt(d + 10); }
int halt11(struct dev *d) { return halt(d + 11); }
int halt12(struct dev *d) { return halt(d + 12); }
int halt13(struct dev *d) { return halt(d + 13); }
int halt14(struct dev *d) { return halt(d + 14); }
int halt15(struct dev *d) { return halt(d + 15); }
int halt16(struct dev *d) { return halt(d + 16); }
int halt17(struct dev *d) { return halt(d + 17); }
int halt18(struct dev *d) { return halt(d + 18); }
int halt19(struct dev *d) { return halt(d + 19); }
int halt20(struct dev *d) { return halt(d + 20); }
int halt21(struct dev *d) { return halt(d + 21); }
int halt22(struct dev *d) { return halt(d + 22); }
int halt23(struct dev *d) { return halt(d + 23); }
int halt24(struct dev *d) { return halt(d + 24); }
int halt25(struct dev *d) { return halt(d + 25); }
int halt26(struct dev *d) { return halt(d + 26); }
int halt27(struct dev *d) { return halt(d + 27); }
int halt28(struct dev *d) { return halt(d + 28); }
int halt29(struct dev *d) { return halt(d + 29); }
int halt30(struct dev *d) { return halt(d + 30); }
int halt31(struct dev *d) { return halt(d + 31); }
int halt32(struct dev *d) { return halt(d + 32); }
int halt33(struct dev *d) { return halt(d + 33); }
int halt34(struct dev *d) { return halt(d + 34); }
int halt35(struct dev *d) { return halt(d + 35); }
int halt36(struct dev *d) { return halt(d + 36); }
int halt37(struct dev *d) { return halt(d + 37); }
int halt38(struct dev *d) { return halt(d + 38); }
int halt39(struct dev *d) { return halt(d + 39); }
int halt40(struct dev *d) { return halt(d + 40); }
int halt41(struct dev *d) { return halt(d + 41); }
int halt42(struct dev *d) { return halt(d + 42); }
int halt43(struct dev *d) { return halt(d + 43); }
int halt44(struct dev *d) { return halt(d + 44); }
int halt45(struct dev *d) { return halt(d + 45); }
int poke0(struct dev *d) { return poke(d + 0); }
int poke1(struct dev *d) { return poke(d + 1); }
int poke2(struct dev *d) { return poke(d + 2); }
int poke3(struct dev *d) { return poke(d + 3); }
int poke4(struct dev *d) { return poke(d + 4); }
int poke5(struct dev *d) { return poke(d + 5); }
int poke6(struct dev *d) { return poke(d + 6); }
int poke7(struct dev *d) { return poke(d + 7); }
int poke8(struct dev *d) { return poke(d + 8); }
int poke9(struct dev *d) { return poke(d + 9); }
unsigned ticks0(struct dev *d) { return ticks(d + 0); }
unsigned ticks1(struct dev *d) { return ticks(d + 1); }
unsigned ticks2(struct dev *d) { return ticks(d + 2); }
unsigned ticks3(struct dev *d) { return ticks(d + 3); }
unsigned ticks4(struct dev *d) { return ticks(d + 4); }
unsigned ticks5(struct dev *d) { return ticks(d + 5); }
unsigned ticks6(struct dev *d) { return ticks(d + 6); }
unsigned ticks7(struct dev *d) { return ticks(d + 7); }
unsigned ticks8(struct dev *d) { return ticks(d + 8); }
unsigned ticks9(struct dev *d) { return ticks(d + 9); }
unsigned ticks10(struct dev *d) { return ticks(d + 10); }
unsigned ticks11(struct dev *d) { return ticks(d + 11); }
int start_bad0(struct dev *d) {
	start(d + 0); // expect: linux.inferred-use
	return d->n;
}
int start_bad1(struct dev *d) {
	start(d + 1); // expect: linux.inferred-use
	return d->n;
}
int start_bad2(struct dev *d) {
	start(d + 2); // expect: linux.inferred-use
	return d->n;
}
int halt_bad0(struct dev *d) {
	if (d->n > 0)
		halt(d); // expect: linux.inferred-use
	return d->n;
}
int halt_bad1(struct dev *d) {
	if (d->n > 1)
		halt(d); // expect: linux.inferred-use
	return d->n;
}
int halt_bad2(struct dev *d) {
	if (d->n > 2)
		halt(d); // expect: linux.inferred-use
	return d->n;
}
int halt_bad3(struct dev *d) {
	if (d->n > 3)
		halt(d); // expect: linux.inferred-use
	return d->n;
}
int halt_bad4(struct dev *d) {
	if (d->n > 4)
		halt(d); // expect: linux.inferred-use
	return d->n;
}
void poke_bad0(struct dev *d) { poke(d); }
void poke_bad1(struct dev *d) { poke(d + 1); }
void ticks_bad(struct dev *d) { ticks(d); }
void on_purpose(struct dev *d) { (void)halt(d); }
int kept(struct dev *d) {
	int r = start(d);
	done(d);
	return r;
}
int in_a_condition(struct dev *d) {
	while (start(d) < 0)
		done(d);
	return d->n;
}
#define begins(d) (start(d))
#define chosen(d) (__builtin_constant_p(d) ? start(d) : halt(d))
#define chosen_now(d) (__builtin_constant_p(1) ? start(d) : halt(d))
int through_a_macro(struct dev *d) {
	return begins(d);
}
int through_a_choice(struct dev *d) {
	int r = chosen(d);
	return r + chosen_now(d);
}
int handed_on(struct dev *d) {
	return start(d) ? start1(d + chosen_now(d)) : halt(d) >> chosen_now(d);
}
int dropped_through_a_macro(struct dev *d) {
	begins(d); // expect: linux.inferred-use
	return d->n;
}
// Nobody to tell, or the end of the object whatever happens.
void nobody_to_tell(struct dev *d) {
	start(d);
	done(d);
}
int dev_release(struct dev *d) {
	halt(d);
	return 0;
}
int dev_disconnect(struct dev *d) {
	halt(d);
	done(d);
	return d->n;
}
// The value goes on in braces, through a cast, and where the same call stands twice.
struct range { int first; long last; };
long braces(struct dev *d) {
	struct range r = { .first = 1, .last = start(d) };
	return r.last + r.first;
}
char through_a_cast(struct dev *d) {
	return (char)start(d);
}
int twice_the_same(struct dev *d) {
	return start1(d + (long)start(d) + (long)start(d));
}
int asks_once_more(struct dev *d) {
	start(d);
	done(d);
	return start(d + 1);
}
int looked_before(struct dev *d) {
	if (start(d + 1))
		return 0;
	start(d); // expect: linux.inferred-use
	return d->n;
}
// What never gives an error is asked for what it does.
static int level(struct dev *d) { return d->n & 7; }
static int tries(struct dev *d) { int r = -5; if (d->n > 3) r = 0; return r; }
int level0(struct dev *d) { return level(d + 0); }
int level1(struct dev *d) { return level(d + 1); }
int level2(struct dev *d) { return level(d + 2); }
int level3(struct dev *d) { return level(d + 3); }
int level4(struct dev *d) { return level(d + 4); }
int level5(struct dev *d) { return level(d + 5); }
int level6(struct dev *d) { return level(d + 6); }
int level7(struct dev *d) { return level(d + 7); }
int level8(struct dev *d) { return level(d + 8); }
int level9(struct dev *d) { return level(d + 9); }
int level10(struct dev *d) { return level(d + 10); }
int level11(struct dev *d) { return level(d + 11); }
int tries0(struct dev *d) { return tries(d + 0); }
int tries1(struct dev *d) { return tries(d + 1); }
int tries2(struct dev *d) { return tries(d + 2); }
int tries3(struct dev *d) { return tries(d + 3); }
int tries4(struct dev *d) { return tries(d + 4); }
int tries5(struct dev *d) { return tries(d + 5); }
int tries6(struct dev *d) { return tries(d + 6); }
int tries7(struct dev *d) { return tries(d + 7); }
int tries8(struct dev *d) { return tries(d + 8); }
int tries9(struct dev *d) { return tries(d + 9); }
int tries10(struct dev *d) { return tries(d + 10); }
int tries11(struct dev *d) { return tries(d + 11); }
int looks_at_the_level(struct dev *d) {
	level(d);
	return d->n;
}
int drops_a_try(struct dev *d) {
	tries(d); // expect: linux.inferred-use
	return d->n;
}
// With nothing to fill it cannot fail.
static int fill(struct dev *d, int len) {
	if (!len)
		return 0;
	return d->n ? -12 : len;
}
int fill0(struct dev *d) { return fill(d, 0); }
int fill1(struct dev *d) { return fill(d, 1); }
int fill2(struct dev *d) { return fill(d, 2); }
int fill3(struct dev *d) { return fill(d, 3); }
int fill4(struct dev *d) { return fill(d, 4); }
int fill5(struct dev *d) { return fill(d, 5); }
int fill6(struct dev *d) { return fill(d, 6); }
int fill7(struct dev *d) { return fill(d, 7); }
int fill8(struct dev *d) { return fill(d, 8); }
int fill9(struct dev *d) { return fill(d, 9); }
int fill10(struct dev *d) { return fill(d, 10); }
int fill11(struct dev *d) { return fill(d, 11); }
int fill12(struct dev *d) { return fill(d, 12); }
int fill13(struct dev *d) { return fill(d, 13); }
int empties(struct dev *d) {
	fill(d, 0);
	return d->n;
}
int fills(struct dev *d) {
	fill(d, 7); // expect: linux.inferred-use
	return d->n;
}
// It finds fault with its arguments only.
static int mode(struct dev *d, int which) {
	if (which > 3)
		return -22;
	d->n = which;
	return 0;
}
int mode0(struct dev *d, int which) { return mode(d + 0, which); }
int mode1(struct dev *d, int which) { return mode(d + 1, which); }
int mode2(struct dev *d, int which) { return mode(d + 2, which); }
int mode3(struct dev *d, int which) { return mode(d + 3, which); }
int mode4(struct dev *d, int which) { return mode(d + 4, which); }
int mode5(struct dev *d, int which) { return mode(d + 5, which); }
int mode6(struct dev *d, int which) { return mode(d + 6, which); }
int mode7(struct dev *d, int which) { return mode(d + 7, which); }
int mode8(struct dev *d, int which) { return mode(d + 8, which); }
int mode9(struct dev *d, int which) { return mode(d + 9, which); }
int mode10(struct dev *d, int which) { return mode(d + 10, which); }
int mode11(struct dev *d, int which) { return mode(d + 11, which); }
int sets_the_mode(struct dev *d) {
	mode(d, d->n & 3);
	return d->n;
}
// A length, mostly.
int print(char *, const char *, ...);
int print0(struct dev *d) { return print(d->buf, "%d", 0); }
int print1(struct dev *d) { return print(d->buf, "%d", 1); }
int print2(struct dev *d) { return print(d->buf, "%d", 2); }
int print3(struct dev *d) { return print(d->buf, "%d", 3); }
int print4(struct dev *d) { return print(d->buf, "%d", 4); }
int print5(struct dev *d) { return print(d->buf, "%d", 5); }
int print6(struct dev *d) { return print(d->buf, "%d", 6); }
int print7(struct dev *d) { return print(d->buf, "%d", 7); }
int print8(struct dev *d) { return print(d->buf, "%d", 8); }
int print9(struct dev *d) { return print(d->buf, "%d", 9); }
int print10(struct dev *d) { return print(d->buf, "%d", 10); }
int print11(struct dev *d) { return print(d->buf, "%d", 11); }
int length_not_needed(struct dev *d) {
	print(d->buf, "%d", d->n);
	return d->n;
}
int reg_read(struct dev *);
int reg0(struct dev *d) { return reg_read(d + 0); }
int reg1(struct dev *d) { return reg_read(d + 1); }
int reg2(struct dev *d) { return reg_read(d + 2); }
int reg3(struct dev *d) { return reg_read(d + 3); }
int reg4(struct dev *d) { return reg_read(d + 4); }
int reg5(struct dev *d) { return reg_read(d + 5); }
int reg6(struct dev *d) { return reg_read(d + 6); }
int reg7(struct dev *d) { return reg_read(d + 7); }
int reg8(struct dev *d) { return reg_read(d + 8); }
int reg9(struct dev *d) { return reg_read(d + 9); }
int reg10(struct dev *d) { return reg_read(d + 10); }
int reg11(struct dev *d) { return reg_read(d + 11); }
void flushes(struct dev *d) {
	d->n = 1;
	reg_read(d);
}
