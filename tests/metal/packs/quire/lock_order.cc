// Locks in the order of their classes.
#include "quire.h"
namespace quire {
struct D {
  Mutex<locks::process> process;
  Mutex<locks::inode> inode, inode2;
  Mutex<locks::mounts> mounts, mounts2;
  Mutex<locks::page_table> table;
  Mutex<locks::frames> frames;
  SharedMutex<locks::directory> directory;
};
void wrong_way(D& d) {
  LockGuard a(d.inode);
  LockGuard b(d.process);  // expect: quire.lock-order
}
void right_way(D& d) {
  LockGuard a(d.process);
  LockGuard b(d.inode);
}
void by_hand_wrong(D& d) {
  d.frames.lock();
  d.table.lock();  // expect: quire.lock-order
  d.table.unlock();
  d.frames.unlock();
}
void by_hand_right(D& d) {
  d.table.lock();
  d.frames.lock();
  d.frames.unlock();
  d.table.unlock();
}
void same_class(D& d) {
  LockGuard a(d.mounts);
  LockGuard b(d.mounts2);  // expect: quire.lock-order
}
void same_class_nests(D& d) {
  LockGuard a(d.inode);
  LockGuard b(d.inode2);
}
static void takes_process(D& d) { LockGuard a(d.process); }  // expect: quire.lock-order
void through_call(D& d) {
  LockGuard a(d.table);
  takes_process(d);
}
static void takes_frames(D& d) { LockGuard a(d.frames); }
void through_call_right(D& d) {
  LockGuard a(d.table);
  takes_frames(d);
}
void third(D& d) {
  LockGuard a(d.process);
  LockGuard b(d.table);
  LockGuard c(d.inode);  // expect: quire.lock-order
}
void three_right(D& d) {
  LockGuard a(d.process);
  LockGuard b(d.inode);
  LockGuard c(d.table);
}
void under_three(D& d) {
  LockGuard a(d.process);
  LockGuard b(d.inode);
  LockGuard c(d.table);
  LockGuard e(d.mounts);  // expect: quire.lock-order
}
void after_scope(D& d) {
  { LockGuard a(d.frames); }
  LockGuard b(d.process);
}
void shared_wrong(D& d) {
  LockGuard a(d.inode);
  SharedLockGuard b(d.directory);  // expect: quire.lock-order
}
void shared_right(D& d) {
  SharedLockGuard b(d.directory);
  LockGuard a(d.inode);
}
void relocked(D& d) {
  LockGuard a(d.process);
  a.unlock();
  LockGuard b(d.inode);
  a.lock();  // expect: quire.lock-order
}
void let_go_first(D& d) {
  LockGuard a(d.inode);
  a.unlock();
  LockGuard b(d.process);
}
void branch(D& d, bool deep) {
  if (deep) d.frames.lock();
  { LockGuard b(d.mounts); }  // expect: quire.lock-order
  if (deep) d.frames.unlock();
}
void branch_apart(D& d, bool deep) {
  if (deep) {
    LockGuard a(d.frames);
  } else {
    LockGuard b(d.mounts);
  }
}
void in_loop(D& d) {
  d.inode.lock();
  for (int i = 0; i < 2; ++i) {
    LockGuard p(d.process);  // expect: quire.lock-order
  }
  d.inode.unlock();
}
void in_loop_right(D& d) {
  for (int i = 0; i < 2; ++i) {
    LockGuard p(d.process);
    LockGuard n(d.inode);
  }
}
void second_let_go(D& d) {
  LockGuard a(d.process);
  { LockGuard b(d.frames); }
  LockGuard c(d.inode);
}
}
