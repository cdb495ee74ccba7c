#include "base/lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace quire {
namespace {

constexpr LockClass outer_class{1, "outer"};
constexpr LockClass inner_class{2, "inner"};

TEST(Lock, OrderIsAllowed) {
  Mutex<outer_class> outer;
  Mutex<inner_class> inner;
  LockGuard a(outer);
  LockGuard b(inner);
}

// Readers that overlap all the time would keep a writer out for good where they come first.
TEST(WriterFirstMutex, ReadersDoNotStarveAWriter) {
  WriterFirstMutex<outer_class> lock;
  std::atomic<bool> over{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!over) {
        SharedLockGuard guard(lock);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) LockGuard guard(lock);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  over = true;
  for (auto& r : readers) r.join();
}

#if defined(QUIRE_CHECK_LOCKS)
TEST(LockDeath, WrongOrderAborts) {
  Mutex<outer_class> outer;
  Mutex<inner_class> inner;
  EXPECT_DEATH(
      {
        LockGuard b(inner);
        LockGuard a(outer);
      },
      "out of order: taking 'outer'");
}
TEST(LockDeath, SameClassTwiceAborts) {
  Mutex<outer_class> a, b;
  EXPECT_DEATH(
      {
        LockGuard x(a);
        LockGuard y(b);
      },
      "same rank");
}
#endif

}  // namespace
}  // namespace quire
