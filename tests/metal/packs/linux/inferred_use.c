// Learnt: what start and stop return is looked at, what poke returns is not.
#include "../include/kernel.h"

int start(struct dev *); int stop(struct dev *); int poke(struct dev *); unsigned ticks(struct dev *); void done(struct dev *);
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
int stop0(struct dev *d) { return stop(d + 0); }
int stop1(struct dev *d) { return stop(d + 1); }
int stop2(struct dev *d) { return stop(d + 2); }
int stop3(struct dev *d) { return stop(d + 3); }
int stop4(struct dev *d) { return stop(d + 4); }
int stop5(struct dev *d) { return stop(d + 5); }
int stop6(struct dev *d) { return stop(d + 6); }
int stop7(struct dev *d) { return stop(d + 7); }
int stop8(struct dev *d) { return stop(d + 8); }
int stop9(struct dev *d) { return stop(d + 9); }
int stop10(struct dev *d) { return stop(d + 10); }
int stop11(struct dev *d) { return stop(d + 11); }
int stop12(struct dev *d) { return stop(d + 12); }
int stop13(struct dev *d) { return stop(d + 13); }
int stop14(struct dev *d) { return stop(d + 14); }
int stop15(struct dev *d) { return stop(d + 15); }
int stop16(struct dev *d) { return stop(d + 16); }
int stop17(struct dev *d) { return stop(d + 17); }
int stop18(struct dev *d) { return stop(d + 18); }
int stop19(struct dev *d) { return stop(d + 19); }
int stop20(struct dev *d) { return stop(d + 20); }
int stop21(struct dev *d) { return stop(d + 21); }
int stop22(struct dev *d) { return stop(d + 22); }
int stop23(struct dev *d) { return stop(d + 23); }
int stop24(struct dev *d) { return stop(d + 24); }
int stop25(struct dev *d) { return stop(d + 25); }
int stop26(struct dev *d) { return stop(d + 26); }
int stop27(struct dev *d) { return stop(d + 27); }
int stop28(struct dev *d) { return stop(d + 28); }
int stop29(struct dev *d) { return stop(d + 29); }
int stop30(struct dev *d) { return stop(d + 30); }
int stop31(struct dev *d) { return stop(d + 31); }
int stop32(struct dev *d) { return stop(d + 32); }
int stop33(struct dev *d) { return stop(d + 33); }
int stop34(struct dev *d) { return stop(d + 34); }
int stop35(struct dev *d) { return stop(d + 35); }
int stop36(struct dev *d) { return stop(d + 36); }
int stop37(struct dev *d) { return stop(d + 37); }
int stop38(struct dev *d) { return stop(d + 38); }
int stop39(struct dev *d) { return stop(d + 39); }
int stop40(struct dev *d) { return stop(d + 40); }
int stop41(struct dev *d) { return stop(d + 41); }
int stop42(struct dev *d) { return stop(d + 42); }
int stop43(struct dev *d) { return stop(d + 43); }
int stop44(struct dev *d) { return stop(d + 44); }
int stop45(struct dev *d) { return stop(d + 45); }
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
void start_bad0(struct dev *d) {
	start(d + 0); // expect: linux.inferred-use
}
void start_bad1(struct dev *d) {
	start(d + 1); // expect: linux.inferred-use
}
void start_bad2(struct dev *d) {
	start(d + 2); // expect: linux.inferred-use
}
void start_bad3(struct dev *d) {
	start(d + 3); // expect: linux.inferred-use
}
void start_bad4(struct dev *d) {
	start(d + 4); // expect: linux.inferred-use
}
void stop_bad0(struct dev *d) {
	if (d->n > 0)
		stop(d); // expect: linux.inferred-use
}
void stop_bad1(struct dev *d) {
	if (d->n > 1)
		stop(d); // expect: linux.inferred-use
}
void stop_bad2(struct dev *d) {
	if (d->n > 2)
		stop(d); // expect: linux.inferred-use
}
void stop_bad3(struct dev *d) {
	if (d->n > 3)
		stop(d); // expect: linux.inferred-use
}
void stop_bad4(struct dev *d) {
	if (d->n > 4)
		stop(d); // expect: linux.inferred-use
}
void poke_bad0(struct dev *d) { poke(d); }
void poke_bad1(struct dev *d) { poke(d + 1); }
void ticks_bad(struct dev *d) { ticks(d); }
void on_purpose(struct dev *d) { (void)stop(d); }
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
#define chosen(d) (__builtin_constant_p(d) ? start(d) : stop(d))
#define chosen_now(d) (__builtin_constant_p(1) ? start(d) : stop(d))
int through_a_macro(struct dev *d) {
	return begins(d);
}
int through_a_choice(struct dev *d) {
	int r = chosen(d);
	return r + chosen_now(d);
}
int handed_on(struct dev *d) {
	return start(d) ? start1(d + chosen_now(d)) : stop(d) >> chosen_now(d);
}
void dropped_through_a_macro(struct dev *d) {
	begins(d); // expect: linux.inferred-use
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
