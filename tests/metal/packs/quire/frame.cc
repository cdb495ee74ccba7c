// Blocks of frames that were allocated.
#include "quire.h"
namespace quire::mm {
struct D { BlockNumber home{0}; Table* t; BlockPool pool; };
void keep(BlockNumber b);

Result<int> lost(BlockPool& p) {
  BlockNumber b = TRY(p.allocate(1, 0));
  if (work()) return err(11);  // expect: quire.frame
  p.release_whole(b, 1);
  return 0;
}
Result<int> released(BlockPool& p) {
  BlockNumber b = TRY(p.allocate(1, 0));
  if (work()) {
    p.release_whole(b, 1);
    return err(11);
  }
  p.release_whole(b, 1);
  return 0;
}
Result<int> never_named(BlockPool& p) {
  BlockNumber b = TRY(p.allocate(1, 0));
  return work();  // expect: quire.frame
}
Result<int> made_home(BlockPool& p) {
  BlockNumber b = TRY(p.allocate(1, 0));
  p.whole_to_home(b);
  return work();
}
Result<int> asked_only(BlockPool& p) {
  BlockNumber b = TRY(p.allocate(1, 0));
  return p.sole(b) ? 1 : 0;  // expect: quire.frame
}
Result<int> named(BlockPool& p, Table& t) {
  BlockNumber b = TRY(p.allocate(1, 0));
  set(t, 1, Entry::to_frame(first_frame(b)));
  return 0;
}
Result<int> named_on_one_path(BlockPool& p, Table& t, bool yes) {
  BlockNumber b = TRY(p.allocate(1, 0));
  if (yes) set(t, 1, Entry::to_frame(first_frame(b)));
  return 0;  // expect: quire.frame
}
Result<int> named_on_both(BlockPool& p, Table& t, bool yes) {
  BlockNumber b = TRY(p.allocate(1, 0));
  if (yes)
    set(t, 1, Entry::to_frame(first_frame(b)));
  else
    p.release_whole(b, 1);
  return 0;
}
Result<BlockNumber> returned(BlockPool& p) {
  BlockNumber b = TRY(p.allocate(1, 0));
  return b;
}
Result<BlockNumber> returned_late(BlockPool& p) {
  BlockNumber b = TRY(p.allocate(1, 0));
  if (work()) return err(5);  // expect: quire.frame
  return b;
}
Result<int> second_fails(BlockPool& p) {
  BlockNumber a = TRY(p.allocate(1, 0));
  BlockNumber b = TRY(p.allocate(2, 0));  // expect: quire.frame
  p.release_whole(a, 1);
  p.release_whole(b, 1);
  return 0;
}
Result<int> one_after_the_other(BlockPool& p) {
  BlockNumber a = TRY(p.allocate(1, 0));
  p.release_whole(a, 1);
  BlockNumber b = TRY(p.allocate(2, 0));
  p.release_whole(b, 1);
  return 0;
}
Result<int> in_loop(BlockPool& p, Table& t) {
  for (int i = 0; i < 4; ++i) {
    BlockNumber b = TRY(p.allocate(1, 0));
    if (work()) continue;  // expect: quire.frame
    set(t, i, Entry::to_frame(first_frame(b)));
  }
  return 0;
}
Result<int> in_loop_named(BlockPool& p, Table& t) {
  for (int i = 0; i < 4; ++i) {
    BlockNumber b = TRY(p.allocate(1, 0));
    set(t, i, Entry::to_frame(first_frame(b)));
  }
  return 0;
}
Result<int> kept(BlockPool& p) {
  BlockNumber b = TRY(p.allocate(1, 0));
  keep(b);
  return 0;
}
Result<int> stored(D& d) {
  d.home = TRY(d.pool.allocate(1, 0));
  return 0;
}
Result<int> switch_loses(BlockPool& p, int what) {
  BlockNumber b = TRY(p.allocate(1, 0));
  switch (what) {
    case 1:
      p.release_whole(b, 1);
      break;
    case 2:
      p.whole_to_home(b);
      break;
    default:
      break;
  }
  return 0;  // expect: quire.frame
}
Result<int> after_a_wait(BlockPool& p, Table& t) {
  BlockNumber b = TRY(p.allocate(1, 0));
  while (work())
    if (work() > 3) return err(4);  // expect: quire.frame
  set(t, 0, Entry::to_frame(first_frame(b)));
  return 0;
}
}
