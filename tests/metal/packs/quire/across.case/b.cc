// Rules of pack quire across files: what is called.
#include "../quire.h"
#include "shared.h"
namespace quire {
void takes_process(Shared& s) {
  LockGuard g(s.process);  // expect: quire.lock-order
}
void takes_frames(Shared& s) {
  LockGuard g(s.frames);
}
void rests() { nanosleep(nullptr, nullptr); }  // expect: quire.blocking
void begin(Shared& s) { s.process.lock(); }
void finish(Shared& s) { s.process.unlock(); }
u32 reads(const char* p) {
  return static_cast<u32>(*p);  // expect: quire.guest-memory
}
int looks() { return work(); }
void gives_back(mm::BlockPool& pool, mm::BlockNumber b) { pool.release_whole(b, 1); }
mm::Table* made() {
  mm::Table* t = new mm::Table(1);
  return t;
}
}
