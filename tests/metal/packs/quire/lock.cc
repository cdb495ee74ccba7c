// Locks taken by hand.
#include "quire.h"
namespace quire {
using M = Mutex<locks::process>;
using S = SharedMutex<locks::inode>;
struct D { M m; S s; M* other; int n; };

int early_return(M& m) {
  m.lock();
  if (work()) return 1;  // expect: quire.lock
  m.unlock();
  return 0;
}
int early_return_unlocked(M& m) {
  m.lock();
  int r = work();
  m.unlock();
  return r;
}
void twice(M& m) {
  m.lock();
  m.lock();  // expect: quire.lock
  m.unlock();
}
void in_turn(M& m) {
  m.lock();
  m.unlock();
  m.lock();
  m.unlock();
}
Result<int> by_try(D& d) {
  d.m.lock();
  int n = TRY(Result<int>(work()));  // expect: quire.lock
  d.m.unlock();
  return n;
}
Result<int> by_try_before(D& d) {
  int n = TRY(Result<int>(work()));
  d.m.lock();
  d.m.unlock();
  return n;
}
void loop_leaves(D& d) {
  for (int i = 0; i < 3; ++i) {
    d.m.lock();
    if (work()) break;
    d.m.unlock();
  }
}  // expect: quire.lock
void loop_balances(D& d) {
  for (int i = 0; i < 3; ++i) {
    d.m.lock();
    if (work()) {
      d.m.unlock();
      break;
    }
    d.m.unlock();
  }
}
int shared_lost(S& s) {
  s.lock_shared();
  if (work()) return 1;  // expect: quire.lock
  s.unlock_shared();
  return 0;
}
int shared_kept(S& s) {
  s.lock_shared();
  int r = work();
  s.unlock_shared();
  return r;
}
void shared_as_alone(S& s) {
  s.lock_shared();
  s.unlock();  // expect: quire.lock
}
void alone_as_alone(S& s) {
  s.lock();
  s.unlock();
}
void alone_as_shared(S& s) {
  s.lock();
  s.unlock_shared();  // expect: quire.lock
}
void upgraded(S& s) {
  s.lock_shared();
  s.lock();  // expect: quire.lock
  s.unlock();
}
void upgraded_by_letting_go(S& s) {
  s.lock_shared();
  s.unlock_shared();
  s.lock();
  s.unlock();
}
static void take(D& d) { d.m.lock(); }
static void give(D& d) { d.m.unlock(); }
int helper_takes(D& d) {
  take(d);
  if (work()) return 1;  // expect: quire.lock
  give(d);
  return 0;
}
int helper_gives(D& d) {
  take(d);
  int r = work();
  give(d);
  return r;
}
void guarded_while_held(Mutex<locks::mounts>& m) {
  m.lock();
  { LockGuard g(m); }  // expect: quire.lock-order
  m.unlock();
}
int guarded(M& m) {
  LockGuard g(m);
  if (work()) return 1;
  g.unlock();
  work();
  g.lock();
  return 0;
}
int tried(M& m) {
  if (m.try_lock()) {
    if (work()) return 1;  // expect: quire.lock
    m.unlock();
  }
  return 0;
}
int tried_in_vain(M& m) {
  if (!m.try_lock()) return 1;
  m.unlock();
  return 0;
}
int own_unlock_only(D& d) {
  LockGuard g(d.m);
  g.unlock();
  return work();
}
Result<int> two_tries(D& d) {
  d.s.lock_shared();
  int n = TRY(Result<int>(1));  // expect: quire.lock
  d.s.unlock_shared();
  return n;
}
int conditional(D& d, bool locked) {
  if (locked) d.m.lock();
  int r = work();
  if (locked) d.m.unlock();
  return r;
}
}
