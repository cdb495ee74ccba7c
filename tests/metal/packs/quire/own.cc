// The rules on Quire's own types: the names in their lists are those of the headers.
// flags: -std=gnu++23 -I../../../..
#include <cstring>

#include "base/lock.h"
#include "kernel/mm/mm_lock.h"
#include "kernel/mm/page_table.h"
#include "kernel/platform/memory.h"
#include "kernel/platform/space.h"
#include "kernel/vfs/wait.h"
namespace quire::mm {
bool full();
struct D {
  Mutex<locks::process> process;
  Mutex<locks::page_table> table;
  WriterFirstMutex<locks::inode> inode;
};
Result<> hand_lock_lost(D& d) {
  d.process.lock();
  if (full()) return err(EAGAIN);  // expect: quire.lock
  d.process.unlock();
  return {};
}
Result<> hand_lock_kept(D& d) {
  d.process.lock();
  const bool f = full();
  d.process.unlock();
  if (f) return err(EAGAIN);
  return {};
}
Result<> mm_lock_lost(MmLock& lock) {
  lock.lock_shared();
  if (full()) return err(EAGAIN);  // expect: quire.lock
  lock.unlock_shared();
  return {};
}
void mm_lock_mixed(MmLock& lock) {
  lock.lock_shared();
  lock.unlock();  // expect: quire.lock
}
bool tried(D& d) {
  if (!d.process.try_lock()) return false;
  const bool f = full();
  d.process.unlock();
  return f;
}
bool tried_lost(D& d) {
  if (!d.process.try_lock()) return false;
  return full();  // expect: quire.lock
}
void order_by_guards(D& d) {
  LockGuard a(d.table);
  LockGuard b(d.process);  // expect: quire.lock-order
}
void order_shared(D& d) {
  LockGuard a(d.table);
  SharedLockGuard b(d.inode);  // expect: quire.lock-order
}
void order_by_hand(D& d, MmLock& lock) {
  LockGuard a(d.table);
  lock.lock();  // expect: quire.lock-order
  lock.unlock();
}
void order_by_hand_right(D& d, MmLock& lock) {
  lock.lock_shared();
  { LockGuard a(d.table); }
  lock.unlock_shared();
}
void order_right(D& d) {
  LockGuard a(d.process);
  SharedLockGuard b(d.inode);
  LockGuard c(d.table);
}
Result<> sleep_under_lock(D& d) {
  LockGuard g(d.process);
  return vfs::Waiter::current().sleep();  // expect: quire.blocking
}
Result<> sleep_after_lock(D& d) {
  LockGuard g(d.process);
  g.unlock();
  return vfs::Waiter::current().sleep();
}
void stub_under_table(D& d, platform::Space& space, platform::Ticket t) {
  LockGuard g(d.table);
  space.wait(t);  // expect: quire.blocking
}
void stub_under_process(D& d, platform::Space& space, platform::Ticket t) {
  LockGuard g(d.process);
  space.wait(t);
}
u32 window(platform::Memory& m, FrameNumber f) {
  const auto* p = reinterpret_cast<const u32*>(m.at(f));
  return *p;  // expect: quire.guest-memory
}
std::byte window_at_once(platform::Memory& m, FrameNumber f) {
  return *m.at(f);  // expect: quire.guest-memory
}
bool window_copied(platform::Memory& m, FrameNumber f, u32& to) {
  return m.checked_copy(&to, m.at(f), sizeof to);
}
void window_set(platform::Memory& m, FrameNumber f) {
  std::memset(m.at(f), 0, 64);  // expect: quire.guest-memory
}
u8 guest(GuestAddr a) {
  return *reinterpret_cast<u8*>(a.value());  // expect: quire.guest-memory
}
Result<> block_lost(BlockPool& pool) {
  const BlockNumber b = TRY(pool.allocate(1, no_block));
  if (full()) return err(EAGAIN);  // expect: quire.frame
  pool.release_whole(b, 1);
  return {};
}
Result<BlockNumber> block_handed_on(BlockPool& pool) {
  const BlockNumber b = TRY(pool.allocate_run(2, 1));
  pool.mark_huge(b);
  return b;
}
Table* table_lost() {
  auto* t = new Table(1);
  if (full()) return nullptr;  // expect: quire.table
  return t;
}
u16 table_used() {
  auto* t = new Table(1);
  delete t;
  return t->used;  // expect: quire.table
}
void table_put(Entry& e) { e = Entry::to_table(new Table(2)); }
void result_dropped(platform::Memory& m) {
  m.collapse(FrameNumber(0));  // expect: quire.result
}
bool result_kept(platform::Memory& m) { return m.collapse(FrameNumber(0)).has_value(); }
u8 stack_large() {
  u8 buffer[65536];  // expect: quire.stack
  std::memset(buffer, 0, sizeof buffer);
  return buffer[full()];
}
u8 stack_small() {
  u8 buffer[1024];
  std::memset(buffer, 0, sizeof buffer);
  return buffer[full()];
}
}  // namespace quire::mm
