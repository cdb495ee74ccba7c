// Sleeping with a lock held.
#include "quire.h"
namespace quire {
using vfs::Waiter;
struct D {
  Mutex<locks::process> process;
  Mutex<locks::page_table> table;
  Mutex<locks::frames> frames;
  SharedMutex<locks::inode> inode;
  platform::Space* space;
  u64 ticket;
};
void own_sleep(D& d) {
  LockGuard g(d.process);
  auto r = Waiter::current().sleep();  // expect: quire.blocking
}
void own_sleep_after(D& d) {
  { LockGuard g(d.process); }
  auto r = Waiter::current().sleep();
}
void stub_under_table(D& d) {
  LockGuard g(d.table);
  d.space->wait(d.ticket);  // expect: quire.blocking
}
void stub_after_table(D& d) {
  LockGuard g(d.table);
  u64 t = d.space->unmap(0, 1);
  g.unlock();
  d.space->wait(t);
}
void stub_under_process(D& d) {
  LockGuard g(d.process);
  d.space->wait(d.ticket);
}
static void rest() { nanosleep(nullptr, nullptr); }  // expect: quire.blocking
static void rest_deeper(int n) { if (n) rest(); }
void host_sleep(D& d) {
  LockGuard g(d.frames);
  nanosleep(nullptr, nullptr);  // expect: quire.blocking
}
void host_sleep_deep(D& d) {
  LockGuard g(d.frames);
  rest_deeper(1);
}
void host_sleep_deep_before(D& d) {
  rest_deeper(1);
  LockGuard g(d.frames);
}
void host_sleep_under_outer(D& d) {
  LockGuard g(d.process);
  rest();
}
void events(D& d) {
  d.table.lock();
  epoll_wait(1, nullptr, 1, -1);  // expect: quire.blocking
  d.table.unlock();
}
void events_unlocked(D& d) {
  d.table.lock();
  d.table.unlock();
  epoll_wait(1, nullptr, 1, -1);
}
void killable(D& d) {
  SharedLockGuard g(d.inode);
  auto r = Waiter::current().sleep_killable();  // expect: quire.blocking
}
void wake_only(D& d) {
  SharedLockGuard g(d.inode);
  Waiter::current().wake();
}
void inner_gone(D& d) {
  LockGuard a(d.process);
  { LockGuard b(d.table); }
  auto r = Waiter::current().sleep();  // expect: quire.blocking
}
void inner_gone_stub(D& d) {
  LockGuard a(d.process);
  { LockGuard b(d.table); }
  d.space->wait(d.ticket);
}
void one_path(D& d, bool sleepy) {
  LockGuard g(d.table);
  if (sleepy) d.space->wait(d.ticket);  // expect: quire.blocking
}
void one_path_unlocked(D& d, bool sleepy) {
  LockGuard g(d.table);
  if (sleepy) {
    g.unlock();
    d.space->wait(d.ticket);
  }
}
void again(D& d) {
  LockGuard g(d.table);
  g.unlock();
  g.lock();
  d.space->wait(d.ticket);  // expect: quire.blocking
}
void in_loop(D& d) {
  for (int i = 0; i < 3; ++i) {
    LockGuard g(d.process);
    auto r = Waiter::current().sleep();  // expect: quire.blocking
  }
}
void in_loop_apart(D& d) {
  for (int i = 0; i < 3; ++i) {
    { LockGuard g(d.process); }
    auto r = Waiter::current().sleep();
  }
}
}
