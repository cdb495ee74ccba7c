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
  rests();  // expect: quire.blocking
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
int table_across() {
  mm::Table* t = made();
  t->used = 1;
  return work();  // expect: quire.table
}
}
