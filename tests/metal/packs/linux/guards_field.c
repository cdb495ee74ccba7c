// Learnt: head and tail of a queue are written under its lock.
#include "../include/kernel.h"

struct q { spinlock_t lock; int head, tail, hint, spare; };
void head0(struct q *q) { spin_lock(&q->lock); q->head = 0; spin_unlock(&q->lock); }
void head1(struct q *q) { spin_lock(&q->lock); q->head = 1; spin_unlock(&q->lock); }
void head2(struct q *q) { spin_lock(&q->lock); q->head = 2; spin_unlock(&q->lock); }
void head3(struct q *q) { spin_lock(&q->lock); q->head = 3; spin_unlock(&q->lock); }
void head4(struct q *q) { spin_lock(&q->lock); q->head = 4; spin_unlock(&q->lock); }
void head5(struct q *q) { spin_lock(&q->lock); q->head = 5; spin_unlock(&q->lock); }
void head6(struct q *q) { spin_lock(&q->lock); q->head = 6; spin_unlock(&q->lock); }
void head7(struct q *q) { spin_lock(&q->lock); q->head = 7; spin_unlock(&q->lock); }
void head8(struct q *q) { spin_lock(&q->lock); q->head = 8; spin_unlock(&q->lock); }
void head9(struct q *q) { spin_lock(&q->lock); q->head = 9; spin_unlock(&q->lock); }
void head10(struct q *q) { spin_lock(&q->lock); q->head = 10; spin_unlock(&q->lock); }
void head11(struct q *q) { spin_lock(&q->lock); q->head = 11; spin_unlock(&q->lock); }
void head12(struct q *q) { spin_lock(&q->lock); q->head = 12; spin_unlock(&q->lock); }
void head13(struct q *q) { spin_lock(&q->lock); q->head = 13; spin_unlock(&q->lock); }
void head14(struct q *q) { spin_lock(&q->lock); q->head = 14; spin_unlock(&q->lock); }
void head15(struct q *q) { spin_lock(&q->lock); q->head = 15; spin_unlock(&q->lock); }
void head16(struct q *q) { spin_lock(&q->lock); q->head = 16; spin_unlock(&q->lock); }
void head17(struct q *q) { spin_lock(&q->lock); q->head = 17; spin_unlock(&q->lock); }
void head18(struct q *q) { spin_lock(&q->lock); q->head = 18; spin_unlock(&q->lock); }
void head19(struct q *q) { spin_lock(&q->lock); q->head = 19; spin_unlock(&q->lock); }
void head20(struct q *q) { spin_lock(&q->lock); q->head = 20; spin_unlock(&q->lock); }
void head21(struct q *q) { spin_lock(&q->lock); q->head = 21; spin_unlock(&q->lock); }
void head22(struct q *q) { spin_lock(&q->lock); q->head = 22; spin_unlock(&q->lock); }
void head23(struct q *q) { spin_lock(&q->lock); q->head = 23; spin_unlock(&q->lock); }
void head24(struct q *q) { spin_lock(&q->lock); q->head = 24; spin_unlock(&q->lock); }
void head25(struct q *q) { spin_lock(&q->lock); q->head = 25; spin_unlock(&q->lock); }
void head26(struct q *q) { spin_lock(&q->lock); q->head = 26; spin_unlock(&q->lock); }
void head27(struct q *q) { spin_lock(&q->lock); q->head = 27; spin_unlock(&q->lock); }
void head28(struct q *q) { spin_lock(&q->lock); q->head = 28; spin_unlock(&q->lock); }
void head29(struct q *q) { spin_lock(&q->lock); q->head = 29; spin_unlock(&q->lock); }
void head30(struct q *q) { spin_lock(&q->lock); q->head = 30; spin_unlock(&q->lock); }
void head31(struct q *q) { spin_lock(&q->lock); q->head = 31; spin_unlock(&q->lock); }
void head32(struct q *q) { spin_lock(&q->lock); q->head = 32; spin_unlock(&q->lock); }
void head33(struct q *q) { spin_lock(&q->lock); q->head = 33; spin_unlock(&q->lock); }
void head34(struct q *q) { spin_lock(&q->lock); q->head = 34; spin_unlock(&q->lock); }
void head35(struct q *q) { spin_lock(&q->lock); q->head = 35; spin_unlock(&q->lock); }
void head36(struct q *q) { spin_lock(&q->lock); q->head = 36; spin_unlock(&q->lock); }
void head37(struct q *q) { spin_lock(&q->lock); q->head = 37; spin_unlock(&q->lock); }
void head38(struct q *q) { spin_lock(&q->lock); q->head = 38; spin_unlock(&q->lock); }
void head39(struct q *q) { spin_lock(&q->lock); q->head = 39; spin_unlock(&q->lock); }
void head40(struct q *q) { spin_lock(&q->lock); q->head = 40; spin_unlock(&q->lock); }
void head41(struct q *q) { spin_lock(&q->lock); q->head = 41; spin_unlock(&q->lock); }
void head42(struct q *q) { spin_lock(&q->lock); q->head = 42; spin_unlock(&q->lock); }
void head43(struct q *q) { spin_lock(&q->lock); q->head = 43; spin_unlock(&q->lock); }
void head44(struct q *q) { spin_lock(&q->lock); q->head = 44; spin_unlock(&q->lock); }
void head45(struct q *q) { spin_lock(&q->lock); q->head = 45; spin_unlock(&q->lock); }
void head46(struct q *q) { spin_lock(&q->lock); q->head = 46; spin_unlock(&q->lock); }
void head47(struct q *q) { spin_lock(&q->lock); q->head = 47; spin_unlock(&q->lock); }
void head48(struct q *q) { spin_lock(&q->lock); q->head = 48; spin_unlock(&q->lock); }
void head49(struct q *q) { spin_lock(&q->lock); q->head = 49; spin_unlock(&q->lock); }
void head50(struct q *q) { spin_lock(&q->lock); q->head = 50; spin_unlock(&q->lock); }
void head51(struct q *q) { spin_lock(&q->lock); q->head = 51; spin_unlock(&q->lock); }
void head52(struct q *q) { spin_lock(&q->lock); q->head = 52; spin_unlock(&q->lock); }
void head53(struct q *q) { spin_lock(&q->lock); q->head = 53; spin_unlock(&q->lock); }
void head54(struct q *q) { spin_lock(&q->lock); q->head = 54; spin_unlock(&q->lock); }
void head55(struct q *q) { spin_lock(&q->lock); q->head = 55; spin_unlock(&q->lock); }
void head56(struct q *q) { spin_lock(&q->lock); q->head = 56; spin_unlock(&q->lock); }
void head57(struct q *q) { spin_lock(&q->lock); q->head = 57; spin_unlock(&q->lock); }
void head58(struct q *q) { spin_lock(&q->lock); q->head = 58; spin_unlock(&q->lock); }
void head59(struct q *q) { spin_lock(&q->lock); q->head = 59; spin_unlock(&q->lock); }
void head60(struct q *q) { spin_lock(&q->lock); q->head = 60; spin_unlock(&q->lock); }
void head61(struct q *q) { spin_lock(&q->lock); q->head = 61; spin_unlock(&q->lock); }
void head62(struct q *q) { spin_lock(&q->lock); q->head = 62; spin_unlock(&q->lock); }
void head63(struct q *q) { spin_lock(&q->lock); q->head = 63; spin_unlock(&q->lock); }
void head64(struct q *q) { spin_lock(&q->lock); q->head = 64; spin_unlock(&q->lock); }
void head65(struct q *q) { spin_lock(&q->lock); q->head = 65; spin_unlock(&q->lock); }
void head66(struct q *q) { spin_lock(&q->lock); q->head = 66; spin_unlock(&q->lock); }
void head67(struct q *q) { spin_lock(&q->lock); q->head = 67; spin_unlock(&q->lock); }
void head68(struct q *q) { spin_lock(&q->lock); q->head = 68; spin_unlock(&q->lock); }
void head69(struct q *q) { spin_lock(&q->lock); q->head = 69; spin_unlock(&q->lock); }
void head70(struct q *q) { spin_lock(&q->lock); q->head = 70; spin_unlock(&q->lock); }
void head71(struct q *q) { spin_lock(&q->lock); q->head = 71; spin_unlock(&q->lock); }
void head72(struct q *q) { spin_lock(&q->lock); q->head = 72; spin_unlock(&q->lock); }
void head73(struct q *q) { spin_lock(&q->lock); q->head = 73; spin_unlock(&q->lock); }
void head74(struct q *q) { spin_lock(&q->lock); q->head = 74; spin_unlock(&q->lock); }
void head75(struct q *q) { spin_lock(&q->lock); q->head = 75; spin_unlock(&q->lock); }
void head76(struct q *q) { spin_lock(&q->lock); q->head = 76; spin_unlock(&q->lock); }
void head77(struct q *q) { spin_lock(&q->lock); q->head = 77; spin_unlock(&q->lock); }
void head78(struct q *q) { spin_lock(&q->lock); q->head = 78; spin_unlock(&q->lock); }
void head79(struct q *q) { spin_lock(&q->lock); q->head = 79; spin_unlock(&q->lock); }
void head80(struct q *q) { spin_lock(&q->lock); q->head = 80; spin_unlock(&q->lock); }
void head81(struct q *q) { spin_lock(&q->lock); q->head = 81; spin_unlock(&q->lock); }
void head82(struct q *q) { spin_lock(&q->lock); q->head = 82; spin_unlock(&q->lock); }
void head83(struct q *q) { spin_lock(&q->lock); q->head = 83; spin_unlock(&q->lock); }
void head84(struct q *q) { spin_lock(&q->lock); q->head = 84; spin_unlock(&q->lock); }
void head85(struct q *q) { spin_lock(&q->lock); q->head = 85; spin_unlock(&q->lock); }
void head86(struct q *q) { spin_lock(&q->lock); q->head = 86; spin_unlock(&q->lock); }
void head87(struct q *q) { spin_lock(&q->lock); q->head = 87; spin_unlock(&q->lock); }
void head88(struct q *q) { spin_lock(&q->lock); q->head = 88; spin_unlock(&q->lock); }
void head89(struct q *q) { spin_lock(&q->lock); q->head = 89; spin_unlock(&q->lock); }
void head90(struct q *q) { spin_lock(&q->lock); q->head = 90; spin_unlock(&q->lock); }
void head91(struct q *q) { spin_lock(&q->lock); q->head = 91; spin_unlock(&q->lock); }
void head92(struct q *q) { spin_lock(&q->lock); q->head = 92; spin_unlock(&q->lock); }
void head93(struct q *q) { spin_lock(&q->lock); q->head = 93; spin_unlock(&q->lock); }
void head94(struct q *q) { spin_lock(&q->lock); q->head = 94; spin_unlock(&q->lock); }
void head95(struct q *q) { spin_lock(&q->lock); q->head = 95; spin_unlock(&q->lock); }
void head96(struct q *q) { spin_lock(&q->lock); q->head = 96; spin_unlock(&q->lock); }
void head97(struct q *q) { spin_lock(&q->lock); q->head = 97; spin_unlock(&q->lock); }
void head98(struct q *q) { spin_lock(&q->lock); q->head = 98; spin_unlock(&q->lock); }
void head99(struct q *q) { spin_lock(&q->lock); q->head = 99; spin_unlock(&q->lock); }
void head_bad0(struct q *q) {
	q->head = 0;  // expect: linux.lock-guards-field
}
void head_bad1(struct q *q) {
	q->head = 1;  // expect: linux.lock-guards-field
}
void head_bad2(struct q *q) {
	q->head = 2;  // expect: linux.lock-guards-field
}
void head_bad3(struct q *q) {
	q->head = 3;  // expect: linux.lock-guards-field
}
void head_bad4(struct q *q) {
	q->head = 4;  // expect: linux.lock-guards-field
}
void tail0(struct q *q) { spin_lock(&q->lock); q->tail = 0; spin_unlock(&q->lock); }
void tail1(struct q *q) { spin_lock(&q->lock); q->tail = 1; spin_unlock(&q->lock); }
void tail2(struct q *q) { spin_lock(&q->lock); q->tail = 2; spin_unlock(&q->lock); }
void tail3(struct q *q) { spin_lock(&q->lock); q->tail = 3; spin_unlock(&q->lock); }
void tail4(struct q *q) { spin_lock(&q->lock); q->tail = 4; spin_unlock(&q->lock); }
void tail5(struct q *q) { spin_lock(&q->lock); q->tail = 5; spin_unlock(&q->lock); }
void tail6(struct q *q) { spin_lock(&q->lock); q->tail = 6; spin_unlock(&q->lock); }
void tail7(struct q *q) { spin_lock(&q->lock); q->tail = 7; spin_unlock(&q->lock); }
void tail8(struct q *q) { spin_lock(&q->lock); q->tail = 8; spin_unlock(&q->lock); }
void tail9(struct q *q) { spin_lock(&q->lock); q->tail = 9; spin_unlock(&q->lock); }
void tail10(struct q *q) { spin_lock(&q->lock); q->tail = 10; spin_unlock(&q->lock); }
void tail11(struct q *q) { spin_lock(&q->lock); q->tail = 11; spin_unlock(&q->lock); }
void tail12(struct q *q) { spin_lock(&q->lock); q->tail = 12; spin_unlock(&q->lock); }
void tail13(struct q *q) { spin_lock(&q->lock); q->tail = 13; spin_unlock(&q->lock); }
void tail14(struct q *q) { spin_lock(&q->lock); q->tail = 14; spin_unlock(&q->lock); }
void tail15(struct q *q) { spin_lock(&q->lock); q->tail = 15; spin_unlock(&q->lock); }
void tail16(struct q *q) { spin_lock(&q->lock); q->tail = 16; spin_unlock(&q->lock); }
void tail17(struct q *q) { spin_lock(&q->lock); q->tail = 17; spin_unlock(&q->lock); }
void tail18(struct q *q) { spin_lock(&q->lock); q->tail = 18; spin_unlock(&q->lock); }
void tail19(struct q *q) { spin_lock(&q->lock); q->tail = 19; spin_unlock(&q->lock); }
void tail20(struct q *q) { spin_lock(&q->lock); q->tail = 20; spin_unlock(&q->lock); }
void tail21(struct q *q) { spin_lock(&q->lock); q->tail = 21; spin_unlock(&q->lock); }
void tail22(struct q *q) { spin_lock(&q->lock); q->tail = 22; spin_unlock(&q->lock); }
void tail23(struct q *q) { spin_lock(&q->lock); q->tail = 23; spin_unlock(&q->lock); }
void tail24(struct q *q) { spin_lock(&q->lock); q->tail = 24; spin_unlock(&q->lock); }
void tail25(struct q *q) { spin_lock(&q->lock); q->tail = 25; spin_unlock(&q->lock); }
void tail26(struct q *q) { spin_lock(&q->lock); q->tail = 26; spin_unlock(&q->lock); }
void tail27(struct q *q) { spin_lock(&q->lock); q->tail = 27; spin_unlock(&q->lock); }
void tail28(struct q *q) { spin_lock(&q->lock); q->tail = 28; spin_unlock(&q->lock); }
void tail29(struct q *q) { spin_lock(&q->lock); q->tail = 29; spin_unlock(&q->lock); }
void tail30(struct q *q) { spin_lock(&q->lock); q->tail = 30; spin_unlock(&q->lock); }
void tail31(struct q *q) { spin_lock(&q->lock); q->tail = 31; spin_unlock(&q->lock); }
void tail32(struct q *q) { spin_lock(&q->lock); q->tail = 32; spin_unlock(&q->lock); }
void tail33(struct q *q) { spin_lock(&q->lock); q->tail = 33; spin_unlock(&q->lock); }
void tail34(struct q *q) { spin_lock(&q->lock); q->tail = 34; spin_unlock(&q->lock); }
void tail35(struct q *q) { spin_lock(&q->lock); q->tail = 35; spin_unlock(&q->lock); }
void tail36(struct q *q) { spin_lock(&q->lock); q->tail = 36; spin_unlock(&q->lock); }
void tail37(struct q *q) { spin_lock(&q->lock); q->tail = 37; spin_unlock(&q->lock); }
void tail38(struct q *q) { spin_lock(&q->lock); q->tail = 38; spin_unlock(&q->lock); }
void tail39(struct q *q) { spin_lock(&q->lock); q->tail = 39; spin_unlock(&q->lock); }
void tail40(struct q *q) { spin_lock(&q->lock); q->tail = 40; spin_unlock(&q->lock); }
void tail41(struct q *q) { spin_lock(&q->lock); q->tail = 41; spin_unlock(&q->lock); }
void tail42(struct q *q) { spin_lock(&q->lock); q->tail = 42; spin_unlock(&q->lock); }
void tail43(struct q *q) { spin_lock(&q->lock); q->tail = 43; spin_unlock(&q->lock); }
void tail44(struct q *q) { spin_lock(&q->lock); q->tail = 44; spin_unlock(&q->lock); }
void tail45(struct q *q) { spin_lock(&q->lock); q->tail = 45; spin_unlock(&q->lock); }
void tail46(struct q *q) { spin_lock(&q->lock); q->tail = 46; spin_unlock(&q->lock); }
void tail47(struct q *q) { spin_lock(&q->lock); q->tail = 47; spin_unlock(&q->lock); }
void tail48(struct q *q) { spin_lock(&q->lock); q->tail = 48; spin_unlock(&q->lock); }
void tail49(struct q *q) { spin_lock(&q->lock); q->tail = 49; spin_unlock(&q->lock); }
void tail50(struct q *q) { spin_lock(&q->lock); q->tail = 50; spin_unlock(&q->lock); }
void tail51(struct q *q) { spin_lock(&q->lock); q->tail = 51; spin_unlock(&q->lock); }
void tail52(struct q *q) { spin_lock(&q->lock); q->tail = 52; spin_unlock(&q->lock); }
void tail53(struct q *q) { spin_lock(&q->lock); q->tail = 53; spin_unlock(&q->lock); }
void tail54(struct q *q) { spin_lock(&q->lock); q->tail = 54; spin_unlock(&q->lock); }
void tail55(struct q *q) { spin_lock(&q->lock); q->tail = 55; spin_unlock(&q->lock); }
void tail56(struct q *q) { spin_lock(&q->lock); q->tail = 56; spin_unlock(&q->lock); }
void tail57(struct q *q) { spin_lock(&q->lock); q->tail = 57; spin_unlock(&q->lock); }
void tail58(struct q *q) { spin_lock(&q->lock); q->tail = 58; spin_unlock(&q->lock); }
void tail59(struct q *q) { spin_lock(&q->lock); q->tail = 59; spin_unlock(&q->lock); }
void tail60(struct q *q) { spin_lock(&q->lock); q->tail = 60; spin_unlock(&q->lock); }
void tail61(struct q *q) { spin_lock(&q->lock); q->tail = 61; spin_unlock(&q->lock); }
void tail62(struct q *q) { spin_lock(&q->lock); q->tail = 62; spin_unlock(&q->lock); }
void tail63(struct q *q) { spin_lock(&q->lock); q->tail = 63; spin_unlock(&q->lock); }
void tail64(struct q *q) { spin_lock(&q->lock); q->tail = 64; spin_unlock(&q->lock); }
void tail65(struct q *q) { spin_lock(&q->lock); q->tail = 65; spin_unlock(&q->lock); }
void tail66(struct q *q) { spin_lock(&q->lock); q->tail = 66; spin_unlock(&q->lock); }
void tail67(struct q *q) { spin_lock(&q->lock); q->tail = 67; spin_unlock(&q->lock); }
void tail68(struct q *q) { spin_lock(&q->lock); q->tail = 68; spin_unlock(&q->lock); }
void tail69(struct q *q) { spin_lock(&q->lock); q->tail = 69; spin_unlock(&q->lock); }
void tail70(struct q *q) { spin_lock(&q->lock); q->tail = 70; spin_unlock(&q->lock); }
void tail71(struct q *q) { spin_lock(&q->lock); q->tail = 71; spin_unlock(&q->lock); }
void tail72(struct q *q) { spin_lock(&q->lock); q->tail = 72; spin_unlock(&q->lock); }
void tail73(struct q *q) { spin_lock(&q->lock); q->tail = 73; spin_unlock(&q->lock); }
void tail74(struct q *q) { spin_lock(&q->lock); q->tail = 74; spin_unlock(&q->lock); }
void tail75(struct q *q) { spin_lock(&q->lock); q->tail = 75; spin_unlock(&q->lock); }
void tail76(struct q *q) { spin_lock(&q->lock); q->tail = 76; spin_unlock(&q->lock); }
void tail77(struct q *q) { spin_lock(&q->lock); q->tail = 77; spin_unlock(&q->lock); }
void tail78(struct q *q) { spin_lock(&q->lock); q->tail = 78; spin_unlock(&q->lock); }
void tail79(struct q *q) { spin_lock(&q->lock); q->tail = 79; spin_unlock(&q->lock); }
void tail80(struct q *q) { spin_lock(&q->lock); q->tail = 80; spin_unlock(&q->lock); }
void tail81(struct q *q) { spin_lock(&q->lock); q->tail = 81; spin_unlock(&q->lock); }
void tail82(struct q *q) { spin_lock(&q->lock); q->tail = 82; spin_unlock(&q->lock); }
void tail83(struct q *q) { spin_lock(&q->lock); q->tail = 83; spin_unlock(&q->lock); }
void tail84(struct q *q) { spin_lock(&q->lock); q->tail = 84; spin_unlock(&q->lock); }
void tail85(struct q *q) { spin_lock(&q->lock); q->tail = 85; spin_unlock(&q->lock); }
void tail86(struct q *q) { spin_lock(&q->lock); q->tail = 86; spin_unlock(&q->lock); }
void tail87(struct q *q) { spin_lock(&q->lock); q->tail = 87; spin_unlock(&q->lock); }
void tail88(struct q *q) { spin_lock(&q->lock); q->tail = 88; spin_unlock(&q->lock); }
void tail89(struct q *q) { spin_lock(&q->lock); q->tail = 89; spin_unlock(&q->lock); }
void tail90(struct q *q) { spin_lock(&q->lock); q->tail = 90; spin_unlock(&q->lock); }
void tail91(struct q *q) { spin_lock(&q->lock); q->tail = 91; spin_unlock(&q->lock); }
void tail92(struct q *q) { spin_lock(&q->lock); q->tail = 92; spin_unlock(&q->lock); }
void tail93(struct q *q) { spin_lock(&q->lock); q->tail = 93; spin_unlock(&q->lock); }
void tail94(struct q *q) { spin_lock(&q->lock); q->tail = 94; spin_unlock(&q->lock); }
void tail95(struct q *q) { spin_lock(&q->lock); q->tail = 95; spin_unlock(&q->lock); }
void tail96(struct q *q) { spin_lock(&q->lock); q->tail = 96; spin_unlock(&q->lock); }
void tail97(struct q *q) { spin_lock(&q->lock); q->tail = 97; spin_unlock(&q->lock); }
void tail98(struct q *q) { spin_lock(&q->lock); q->tail = 98; spin_unlock(&q->lock); }
void tail99(struct q *q) { spin_lock(&q->lock); q->tail = 99; spin_unlock(&q->lock); }
void tail_bad0(struct q *q) {
	q->tail = 0;  // expect: linux.lock-guards-field
}
void tail_bad1(struct q *q) {
	q->tail = 1;  // expect: linux.lock-guards-field
}
void tail_bad2(struct q *q) {
	q->tail = 2;  // expect: linux.lock-guards-field
}
void tail_bad3(struct q *q) {
	q->tail = 3;  // expect: linux.lock-guards-field
}
void tail_bad4(struct q *q) {
	q->tail = 4;  // expect: linux.lock-guards-field
}
void hint0(struct q *q) { q->hint = 0; }
void hint1(struct q *q) { q->hint = 1; }
void hint2(struct q *q) { q->hint = 2; }
void hint3(struct q *q) { q->hint = 3; }
void hint4(struct q *q) { q->hint = 4; }
void hint5(struct q *q) { q->hint = 5; }
void hint_locked0(struct q *q) { spin_lock(&q->lock); q->hint = 0; spin_unlock(&q->lock); }
void hint_locked1(struct q *q) { spin_lock(&q->lock); q->hint = 1; spin_unlock(&q->lock); }
void hint_locked2(struct q *q) { spin_lock(&q->lock); q->hint = 2; spin_unlock(&q->lock); }
void spare_locked0(struct q *q) { spin_lock(&q->lock); q->spare = 0; spin_unlock(&q->lock); }
void spare_locked1(struct q *q) { spin_lock(&q->lock); q->spare = 1; spin_unlock(&q->lock); }
void spare_locked2(struct q *q) { spin_lock(&q->lock); q->spare = 2; spin_unlock(&q->lock); }
void spare_locked3(struct q *q) { spin_lock(&q->lock); q->spare = 3; spin_unlock(&q->lock); }
static void advance(struct q *q) { q->head++; }
void caller(struct q *q) {
	spin_lock(&q->lock);
	advance(q);
	spin_unlock(&q->lock);
}
int reads(struct q *q) {
	return q->head + q->tail;
}
void fresh(void) {
	struct q q;
	q.head = q.tail = 0;
}
