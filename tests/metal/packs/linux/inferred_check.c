// Learnt: the results of find and look are tested, those of the others are not.
#include "../include/kernel.h"

struct dev *find(int); struct dev *look(int); struct dev *make_sure(int); struct dev *seldom(int);
int find0(void) { struct dev *d = find(0); if (!d) return 0; return d->n; }
int find1(void) { struct dev *d = find(1); if (!d) return 0; return d->n; }
int find2(void) { struct dev *d = find(2); if (!d) return 0; return d->n; }
int find3(void) { struct dev *d = find(3); if (!d) return 0; return d->n; }
int find4(void) { struct dev *d = find(4); if (!d) return 0; return d->n; }
int find5(void) { struct dev *d = find(5); if (!d) return 0; return d->n; }
int find6(void) { struct dev *d = find(6); if (!d) return 0; return d->n; }
int find7(void) { struct dev *d = find(7); if (!d) return 0; return d->n; }
int find8(void) { struct dev *d = find(8); if (!d) return 0; return d->n; }
int find9(void) { struct dev *d = find(9); if (!d) return 0; return d->n; }
int find10(void) { struct dev *d = find(10); if (!d) return 0; return d->n; }
int find11(void) { struct dev *d = find(11); if (!d) return 0; return d->n; }
int find12(void) { struct dev *d = find(12); if (!d) return 0; return d->n; }
int find13(void) { struct dev *d = find(13); if (!d) return 0; return d->n; }
int find14(void) { struct dev *d = find(14); if (!d) return 0; return d->n; }
int find15(void) { struct dev *d = find(15); if (!d) return 0; return d->n; }
int find16(void) { struct dev *d = find(16); if (!d) return 0; return d->n; }
int find17(void) { struct dev *d = find(17); if (!d) return 0; return d->n; }
int find18(void) { struct dev *d = find(18); if (!d) return 0; return d->n; }
int find19(void) { struct dev *d = find(19); if (!d) return 0; return d->n; }
int find20(void) { struct dev *d = find(20); if (!d) return 0; return d->n; }
int find21(void) { struct dev *d = find(21); if (!d) return 0; return d->n; }
int find22(void) { struct dev *d = find(22); if (!d) return 0; return d->n; }
int find23(void) { struct dev *d = find(23); if (!d) return 0; return d->n; }
int find24(void) { struct dev *d = find(24); if (!d) return 0; return d->n; }
int find25(void) { struct dev *d = find(25); if (!d) return 0; return d->n; }
int find26(void) { struct dev *d = find(26); if (!d) return 0; return d->n; }
int find27(void) { struct dev *d = find(27); if (!d) return 0; return d->n; }
int find28(void) { struct dev *d = find(28); if (!d) return 0; return d->n; }
int find29(void) { struct dev *d = find(29); if (!d) return 0; return d->n; }
int find30(void) { struct dev *d = find(30); if (!d) return 0; return d->n; }
int find31(void) { struct dev *d = find(31); if (!d) return 0; return d->n; }
int find32(void) { struct dev *d = find(32); if (!d) return 0; return d->n; }
int find33(void) { struct dev *d = find(33); if (!d) return 0; return d->n; }
int find34(void) { struct dev *d = find(34); if (!d) return 0; return d->n; }
int find35(void) { struct dev *d = find(35); if (!d) return 0; return d->n; }
int find36(void) { struct dev *d = find(36); if (!d) return 0; return d->n; }
int find37(void) { struct dev *d = find(37); if (!d) return 0; return d->n; }
int find38(void) { struct dev *d = find(38); if (!d) return 0; return d->n; }
int find39(void) { struct dev *d = find(39); if (!d) return 0; return d->n; }
int find40(void) { struct dev *d = find(40); if (!d) return 0; return d->n; }
int find41(void) { struct dev *d = find(41); if (!d) return 0; return d->n; }
int find42(void) { struct dev *d = find(42); if (!d) return 0; return d->n; }
int find43(void) { struct dev *d = find(43); if (!d) return 0; return d->n; }
int find44(void) { struct dev *d = find(44); if (!d) return 0; return d->n; }
int find45(void) { struct dev *d = find(45); if (!d) return 0; return d->n; }
int find46(void) { struct dev *d = find(46); if (!d) return 0; return d->n; }
int find47(void) { struct dev *d = find(47); if (!d) return 0; return d->n; }
int find48(void) { struct dev *d = find(48); if (!d) return 0; return d->n; }
int find49(void) { struct dev *d = find(49); if (!d) return 0; return d->n; }
int find50(void) { struct dev *d = find(50); if (!d) return 0; return d->n; }
int find51(void) { struct dev *d = find(51); if (!d) return 0; return d->n; }
int find52(void) { struct dev *d = find(52); if (!d) return 0; return d->n; }
int find53(void) { struct dev *d = find(53); if (!d) return 0; return d->n; }
int find54(void) { struct dev *d = find(54); if (!d) return 0; return d->n; }
int find55(void) { struct dev *d = find(55); if (!d) return 0; return d->n; }
int find56(void) { struct dev *d = find(56); if (!d) return 0; return d->n; }
int find57(void) { struct dev *d = find(57); if (!d) return 0; return d->n; }
int find58(void) { struct dev *d = find(58); if (!d) return 0; return d->n; }
int find59(void) { struct dev *d = find(59); if (!d) return 0; return d->n; }
int find60(void) { struct dev *d = find(60); if (!d) return 0; return d->n; }
int find61(void) { struct dev *d = find(61); if (!d) return 0; return d->n; }
int find62(void) { struct dev *d = find(62); if (!d) return 0; return d->n; }
int find63(void) { struct dev *d = find(63); if (!d) return 0; return d->n; }
int find64(void) { struct dev *d = find(64); if (!d) return 0; return d->n; }
int find65(void) { struct dev *d = find(65); if (!d) return 0; return d->n; }
int find66(void) { struct dev *d = find(66); if (!d) return 0; return d->n; }
int find67(void) { struct dev *d = find(67); if (!d) return 0; return d->n; }
int find68(void) { struct dev *d = find(68); if (!d) return 0; return d->n; }
int find69(void) { struct dev *d = find(69); if (!d) return 0; return d->n; }
int find70(void) { struct dev *d = find(70); if (!d) return 0; return d->n; }
int find71(void) { struct dev *d = find(71); if (!d) return 0; return d->n; }
int find72(void) { struct dev *d = find(72); if (!d) return 0; return d->n; }
int find73(void) { struct dev *d = find(73); if (!d) return 0; return d->n; }
int find74(void) { struct dev *d = find(74); if (!d) return 0; return d->n; }
int find75(void) { struct dev *d = find(75); if (!d) return 0; return d->n; }
int find76(void) { struct dev *d = find(76); if (!d) return 0; return d->n; }
int find77(void) { struct dev *d = find(77); if (!d) return 0; return d->n; }
int find78(void) { struct dev *d = find(78); if (!d) return 0; return d->n; }
int find79(void) { struct dev *d = find(79); if (!d) return 0; return d->n; }
int find80(void) { struct dev *d = find(80); if (!d) return 0; return d->n; }
int find81(void) { struct dev *d = find(81); if (!d) return 0; return d->n; }
int find82(void) { struct dev *d = find(82); if (!d) return 0; return d->n; }
int find83(void) { struct dev *d = find(83); if (!d) return 0; return d->n; }
int find84(void) { struct dev *d = find(84); if (!d) return 0; return d->n; }
int find85(void) { struct dev *d = find(85); if (!d) return 0; return d->n; }
int find86(void) { struct dev *d = find(86); if (!d) return 0; return d->n; }
int find87(void) { struct dev *d = find(87); if (!d) return 0; return d->n; }
int find88(void) { struct dev *d = find(88); if (!d) return 0; return d->n; }
int find89(void) { struct dev *d = find(89); if (!d) return 0; return d->n; }
int find90(void) { struct dev *d = find(90); if (!d) return 0; return d->n; }
int find91(void) { struct dev *d = find(91); if (!d) return 0; return d->n; }
int find92(void) { struct dev *d = find(92); if (!d) return 0; return d->n; }
int find93(void) { struct dev *d = find(93); if (!d) return 0; return d->n; }
int find94(void) { struct dev *d = find(94); if (!d) return 0; return d->n; }
int find95(void) { struct dev *d = find(95); if (!d) return 0; return d->n; }
int find96(void) { struct dev *d = find(96); if (!d) return 0; return d->n; }
int find97(void) { struct dev *d = find(97); if (!d) return 0; return d->n; }
int find98(void) { struct dev *d = find(98); if (!d) return 0; return d->n; }
int find99(void) { struct dev *d = find(99); if (!d) return 0; return d->n; }
int find_bad0(void) {
	struct dev *d = find(0);
	return d->n;  // expect: linux.inferred-check
}
int find_bad1(void) {
	struct dev *d = find(1);
	return d->n;  // expect: linux.inferred-check
}
int find_bad2(void) {
	struct dev *d = find(2);
	return d->n;  // expect: linux.inferred-check
}
int find_bad3(void) {
	struct dev *d = find(3);
	return d->n;  // expect: linux.inferred-check
}
int find_bad4(void) {
	struct dev *d = find(4);
	return d->n;  // expect: linux.inferred-check
}
int look0(void) { struct dev *d = look(0); if (!d) return 0; return d->n; }
int look1(void) { struct dev *d = look(1); if (!d) return 0; return d->n; }
int look2(void) { struct dev *d = look(2); if (!d) return 0; return d->n; }
int look3(void) { struct dev *d = look(3); if (!d) return 0; return d->n; }
int look4(void) { struct dev *d = look(4); if (!d) return 0; return d->n; }
int look5(void) { struct dev *d = look(5); if (!d) return 0; return d->n; }
int look6(void) { struct dev *d = look(6); if (!d) return 0; return d->n; }
int look7(void) { struct dev *d = look(7); if (!d) return 0; return d->n; }
int look8(void) { struct dev *d = look(8); if (!d) return 0; return d->n; }
int look9(void) { struct dev *d = look(9); if (!d) return 0; return d->n; }
int look10(void) { struct dev *d = look(10); if (!d) return 0; return d->n; }
int look11(void) { struct dev *d = look(11); if (!d) return 0; return d->n; }
int look12(void) { struct dev *d = look(12); if (!d) return 0; return d->n; }
int look13(void) { struct dev *d = look(13); if (!d) return 0; return d->n; }
int look14(void) { struct dev *d = look(14); if (!d) return 0; return d->n; }
int look15(void) { struct dev *d = look(15); if (!d) return 0; return d->n; }
int look16(void) { struct dev *d = look(16); if (!d) return 0; return d->n; }
int look17(void) { struct dev *d = look(17); if (!d) return 0; return d->n; }
int look18(void) { struct dev *d = look(18); if (!d) return 0; return d->n; }
int look19(void) { struct dev *d = look(19); if (!d) return 0; return d->n; }
int look20(void) { struct dev *d = look(20); if (!d) return 0; return d->n; }
int look21(void) { struct dev *d = look(21); if (!d) return 0; return d->n; }
int look22(void) { struct dev *d = look(22); if (!d) return 0; return d->n; }
int look23(void) { struct dev *d = look(23); if (!d) return 0; return d->n; }
int look24(void) { struct dev *d = look(24); if (!d) return 0; return d->n; }
int look25(void) { struct dev *d = look(25); if (!d) return 0; return d->n; }
int look26(void) { struct dev *d = look(26); if (!d) return 0; return d->n; }
int look27(void) { struct dev *d = look(27); if (!d) return 0; return d->n; }
int look28(void) { struct dev *d = look(28); if (!d) return 0; return d->n; }
int look29(void) { struct dev *d = look(29); if (!d) return 0; return d->n; }
int look30(void) { struct dev *d = look(30); if (!d) return 0; return d->n; }
int look31(void) { struct dev *d = look(31); if (!d) return 0; return d->n; }
int look32(void) { struct dev *d = look(32); if (!d) return 0; return d->n; }
int look33(void) { struct dev *d = look(33); if (!d) return 0; return d->n; }
int look34(void) { struct dev *d = look(34); if (!d) return 0; return d->n; }
int look35(void) { struct dev *d = look(35); if (!d) return 0; return d->n; }
int look36(void) { struct dev *d = look(36); if (!d) return 0; return d->n; }
int look37(void) { struct dev *d = look(37); if (!d) return 0; return d->n; }
int look38(void) { struct dev *d = look(38); if (!d) return 0; return d->n; }
int look39(void) { struct dev *d = look(39); if (!d) return 0; return d->n; }
int look40(void) { struct dev *d = look(40); if (!d) return 0; return d->n; }
int look41(void) { struct dev *d = look(41); if (!d) return 0; return d->n; }
int look42(void) { struct dev *d = look(42); if (!d) return 0; return d->n; }
int look43(void) { struct dev *d = look(43); if (!d) return 0; return d->n; }
int look44(void) { struct dev *d = look(44); if (!d) return 0; return d->n; }
int look45(void) { struct dev *d = look(45); if (!d) return 0; return d->n; }
int look46(void) { struct dev *d = look(46); if (!d) return 0; return d->n; }
int look47(void) { struct dev *d = look(47); if (!d) return 0; return d->n; }
int look48(void) { struct dev *d = look(48); if (!d) return 0; return d->n; }
int look49(void) { struct dev *d = look(49); if (!d) return 0; return d->n; }
int look50(void) { struct dev *d = look(50); if (!d) return 0; return d->n; }
int look51(void) { struct dev *d = look(51); if (!d) return 0; return d->n; }
int look52(void) { struct dev *d = look(52); if (!d) return 0; return d->n; }
int look53(void) { struct dev *d = look(53); if (!d) return 0; return d->n; }
int look54(void) { struct dev *d = look(54); if (!d) return 0; return d->n; }
int look55(void) { struct dev *d = look(55); if (!d) return 0; return d->n; }
int look56(void) { struct dev *d = look(56); if (!d) return 0; return d->n; }
int look57(void) { struct dev *d = look(57); if (!d) return 0; return d->n; }
int look58(void) { struct dev *d = look(58); if (!d) return 0; return d->n; }
int look59(void) { struct dev *d = look(59); if (!d) return 0; return d->n; }
int look60(void) { struct dev *d = look(60); if (!d) return 0; return d->n; }
int look61(void) { struct dev *d = look(61); if (!d) return 0; return d->n; }
int look62(void) { struct dev *d = look(62); if (!d) return 0; return d->n; }
int look63(void) { struct dev *d = look(63); if (!d) return 0; return d->n; }
int look64(void) { struct dev *d = look(64); if (!d) return 0; return d->n; }
int look65(void) { struct dev *d = look(65); if (!d) return 0; return d->n; }
int look66(void) { struct dev *d = look(66); if (!d) return 0; return d->n; }
int look67(void) { struct dev *d = look(67); if (!d) return 0; return d->n; }
int look68(void) { struct dev *d = look(68); if (!d) return 0; return d->n; }
int look69(void) { struct dev *d = look(69); if (!d) return 0; return d->n; }
int look70(void) { struct dev *d = look(70); if (!d) return 0; return d->n; }
int look71(void) { struct dev *d = look(71); if (!d) return 0; return d->n; }
int look72(void) { struct dev *d = look(72); if (!d) return 0; return d->n; }
int look73(void) { struct dev *d = look(73); if (!d) return 0; return d->n; }
int look74(void) { struct dev *d = look(74); if (!d) return 0; return d->n; }
int look75(void) { struct dev *d = look(75); if (!d) return 0; return d->n; }
int look76(void) { struct dev *d = look(76); if (!d) return 0; return d->n; }
int look77(void) { struct dev *d = look(77); if (!d) return 0; return d->n; }
int look78(void) { struct dev *d = look(78); if (!d) return 0; return d->n; }
int look79(void) { struct dev *d = look(79); if (!d) return 0; return d->n; }
int look80(void) { struct dev *d = look(80); if (!d) return 0; return d->n; }
int look81(void) { struct dev *d = look(81); if (!d) return 0; return d->n; }
int look82(void) { struct dev *d = look(82); if (!d) return 0; return d->n; }
int look83(void) { struct dev *d = look(83); if (!d) return 0; return d->n; }
int look84(void) { struct dev *d = look(84); if (!d) return 0; return d->n; }
int look85(void) { struct dev *d = look(85); if (!d) return 0; return d->n; }
int look86(void) { struct dev *d = look(86); if (!d) return 0; return d->n; }
int look87(void) { struct dev *d = look(87); if (!d) return 0; return d->n; }
int look88(void) { struct dev *d = look(88); if (!d) return 0; return d->n; }
int look89(void) { struct dev *d = look(89); if (!d) return 0; return d->n; }
int look90(void) { struct dev *d = look(90); if (!d) return 0; return d->n; }
int look91(void) { struct dev *d = look(91); if (!d) return 0; return d->n; }
int look92(void) { struct dev *d = look(92); if (!d) return 0; return d->n; }
int look93(void) { struct dev *d = look(93); if (!d) return 0; return d->n; }
int look94(void) { struct dev *d = look(94); if (!d) return 0; return d->n; }
int look95(void) { struct dev *d = look(95); if (!d) return 0; return d->n; }
int look96(void) { struct dev *d = look(96); if (!d) return 0; return d->n; }
int look97(void) { struct dev *d = look(97); if (!d) return 0; return d->n; }
int look98(void) { struct dev *d = look(98); if (!d) return 0; return d->n; }
int look99(void) { struct dev *d = look(99); if (!d) return 0; return d->n; }
int look_bad0(void) {
	struct dev *d = look(0);
	return d->n;  // expect: linux.inferred-check
}
int look_bad1(void) {
	struct dev *d = look(1);
	return d->n;  // expect: linux.inferred-check
}
int look_bad2(void) {
	struct dev *d = look(2);
	return d->n;  // expect: linux.inferred-check
}
int look_bad3(void) {
	struct dev *d = look(3);
	return d->n;  // expect: linux.inferred-check
}
int look_bad4(void) {
	struct dev *d = look(4);
	return d->n;  // expect: linux.inferred-check
}
int sure0(void) { struct dev *d = make_sure(0); return d->n; }
int sure1(void) { struct dev *d = make_sure(1); return d->n; }
int sure2(void) { struct dev *d = make_sure(2); return d->n; }
int sure3(void) { struct dev *d = make_sure(3); return d->n; }
int sure4(void) { struct dev *d = make_sure(4); return d->n; }
int sure5(void) { struct dev *d = make_sure(5); return d->n; }
int sure6(void) { struct dev *d = make_sure(6); return d->n; }
int sure7(void) { struct dev *d = make_sure(7); return d->n; }
int sure8(void) { struct dev *d = make_sure(8); return d->n; }
int sure9(void) { struct dev *d = make_sure(9); return d->n; }
int sure10(void) { struct dev *d = make_sure(10); return d->n; }
int sure11(void) { struct dev *d = make_sure(11); return d->n; }
int seldom0(void) { struct dev *d = seldom(0); if (!d) return 0; return d->n; }
int seldom1(void) { struct dev *d = seldom(1); if (!d) return 0; return d->n; }
int seldom2(void) { struct dev *d = seldom(2); if (!d) return 0; return d->n; }
int seldom3(void) { struct dev *d = seldom(3); if (!d) return 0; return d->n; }
int seldom_untested0(void) { struct dev *d = seldom(0); return d->n; }
int seldom_untested1(void) { struct dev *d = seldom(1); return d->n; }
int seldom_untested2(void) { struct dev *d = seldom(2); return d->n; }
// Tested once stays tested: whatever is done to the memory in between, and by another name.
int out_tested(struct dev **out) {
	*out = find(0);
	if (!*out)
		return 1;
	memset(*out, 0, sizeof(**out));
	(*out)->n = 1;
	return (*out)->n;
}
void walks(void) {
	struct dev *next = find(1), *d;
	while (next != NULL) {
		d = next;
		next = make_sure(1);
		d->n = 1;
	}
}
int tested_in_place(void) {
	struct dev *d;
	if ((d = find(2)) == NULL)
		return 0;
	work();
	return d->n;
}
// What must not fail is asked for until there is some.
#define __GFP_NOFAIL 0x8000
struct dev *grab(struct dev *, int);
int grab0(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab1(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab2(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab3(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab4(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab5(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab6(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab7(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab8(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab9(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab10(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab11(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab12(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab13(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab14(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab15(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab16(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab17(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab18(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab19(struct dev *from) { struct dev *d = grab(from, GFP_KERNEL); if (!d) return 0; return d->n; }
int grab_untested(struct dev *from) {
	struct dev *d = grab(from, GFP_KERNEL);
	return d->n; // expect: linux.inferred-check
}
int grab_for_certain(struct dev *from) {
	struct dev *d = grab(from, GFP_KERNEL | __GFP_NOFAIL);
	return d->n;
}
