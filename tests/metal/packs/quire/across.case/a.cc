// Rules of pack quire across files: callers.
#include "../quire.h"
#include "shared.h"
namespace quire {
void order_across(Shared& s) {
  LockGuard g(s.frames);
  takes_process(s);
}
void order_across_right(Shared& s) {
  LockGuard g(s.process);
  takes_frames(s);
}
void blocks_across(Shared& s) {
  LockGuard g(s.frames);
  rests();
}
int lock_across(Shared& s) {
  begin(s);
  if (work()) return 1;  // expect: quire.lock
  finish(s);
  return 0;
}
u32 memory_across(platform::Memory& m, FrameNumber f) {
  const char* p = m.at(f);
  return reads(p);
}
Result<int> frame_across(mm::BlockPool& pool) {
  mm::BlockNumber b = TRY(pool.allocate(1, 0));
  if (looks()) return err(11);  // expect: quire.frame
  gives_back(pool, b);
  return work();
}
Result<int> frame_across_right(mm::BlockPool& pool) {
  mm::BlockNumber b = TRY(pool.allocate(1, 0));
  gives_back(pool, b);
  return work();
}
int table_across() {
  mm::Table* t = made();
  t->used = 1;
  return work();  // expect: quire.table
}
}
