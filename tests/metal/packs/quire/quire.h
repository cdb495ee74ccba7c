// What the rules of pack quire look at, as in base/, kernel/abi/ and kernel/mm/, without their insides.
#pragma once
using u32 = unsigned;
using u64 = unsigned long;
namespace std {
template <class E> struct unexpected { E error_; };
template <class T, class E> struct expected {
  T value_;
  E error_;
  expected(T v);
  expected(unexpected<E> e);
  explicit operator bool() const;
  T& operator*();
  const E& error() const;
};
void* memcpy(void* to, const void* from, u64 n);
}
extern "C" int memcmp(const void*, const void*, u64);
extern "C" void* memset(void*, int, u64);
extern "C" int nanosleep(const void*, void*);
extern "C" int epoll_wait(int, void*, int, int);
namespace quire {
struct Errno { int value; };
template <class T> using Result = std::expected<T, Errno>;
std::unexpected<Errno> err(int);
#define TRY(e) __extension__({ auto&& tried = (e); if (!tried) return std::unexpected<::quire::Errno>{tried.error()}; *tried; })
struct LockClass { int rank; const char* name; bool nests = false; };
namespace locks {
inline constexpr LockClass process{110, ""}, inode{210, "", true}, directory{207, "", true}, page_table{330, "", true},
    frames{350, ""}, mounts{200, ""}, waiter{440, ""};
}
template <const LockClass& C> class Mutex {
 public:
  void lock();
  void unlock();
  bool try_lock();
};
template <const LockClass& C> class SharedMutex {
 public:
  void lock();
  void unlock();
  void lock_shared();
  void unlock_shared();
};
template <class M> class LockGuard {
 public:
  explicit LockGuard(M& m) : m_(m) { m_.lock(); }
  ~LockGuard() { if (held_) m_.unlock(); }
  void lock() { m_.lock(); held_ = true; }
  void unlock() { m_.unlock(); held_ = false; }
 private:
  M& m_;
  bool held_ = true;
};
template <class M> class SharedLockGuard {
 public:
  explicit SharedLockGuard(M& m) : m_(m) { m_.lock_shared(); }
  ~SharedLockGuard() { m_.unlock_shared(); }
 private:
  M& m_;
};
template <class Tag> class StrongInt {
 public:
  constexpr explicit StrongInt(u64 v) : v_(v) {}
  constexpr u64 value() const { return v_; }
 private:
  u64 v_;
};
using GuestAddr = StrongInt<struct GuestAddrTag>;
using FrameNumber = StrongInt<struct FrameTag>;
namespace platform {
class Memory {
 public:
  virtual char* at(FrameNumber f) const = 0;
  virtual bool checked_copy(void* to, const void* from, u64 n) const = 0;
};
class Space {
 public:
  virtual void wait(u64 ticket) = 0;
  virtual u64 unmap(u64 begin, u64 end) = 0;
};
}
namespace vfs {
class Waiter {
 public:
  static Waiter& current();
  Result<int> sleep();
  Result<int> sleep_killable();
  void wake();
};
}
namespace mm {
using BlockNumber = StrongInt<struct BlockTag>;
FrameNumber first_frame(BlockNumber b);
struct Table {
  explicit Table(int level);
  int level;
  u32 used;
  void* entries[512];
};
class Entry {
 public:
  static Entry to_table(Table* t);
  static Entry to_frame(FrameNumber f);
};
class BlockPool {
 public:
  Result<BlockNumber> allocate(u64 slot, int wanted);
  void release_whole(BlockNumber b, u64 n);
  void whole_to_home(BlockNumber b);
  bool sole(BlockNumber b);
};
void set(Table& t, int i, Entry e);
void drop(Table* t);
class Gather {
 public:
  void table(Table* t);
};
}
int work();
}
