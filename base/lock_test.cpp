#include "base/lock.h"

#include <gtest/gtest.h>

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
