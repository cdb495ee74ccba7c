#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/range.h"
#include "base/ref.h"
#include "base/strong_int.h"

namespace quire {
namespace {

Result<int> half(int v) {
  if (v % 2 != 0) return err(EINVAL);
  return v / 2;
}
Result<int> quarter(int v) { return half(TRY(half(v))); }
Result<> is_multiple_of_four(int v) {
  TRY_VOID(quarter(v));
  return {};
}
Result<std::unique_ptr<int>> boxed(int v) { return std::make_unique<int>(TRY(half(v))); }

TEST(Result, TryPassesErrorsOn) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error(), Errno(EINVAL));
  EXPECT_FALSE(is_multiple_of_four(2));
  EXPECT_TRUE(is_multiple_of_four(4));
}

TEST(Result, TryNests) {
  auto eighth = [](int v) -> Result<int> { return TRY(half(TRY(half(TRY(half(v)))))); };
  EXPECT_EQ(*eighth(16), 2);
  EXPECT_FALSE(eighth(12));
  auto checked = [](int v) -> Result<> {
    TRY_VOID(half(TRY(half(v))));
    return {};
  };
  EXPECT_TRUE(checked(4));
  EXPECT_FALSE(checked(6));
}

TEST(Result, TryMovesOutOfTheResult) {
  auto twice = [](int v) -> Result<std::unique_ptr<int>> { return TRY(boxed(v)); };
  EXPECT_EQ(**twice(10), 5);
}

TEST(Result, ErrnoHasNames) {
  EXPECT_STREQ(Errno(ENOENT).name(), "ENOENT");
  EXPECT_STREQ(Errno(99999).name(), "E?");
}

TEST(Range, Arithmetic) {
  Range<u64> a{4, 8};
  EXPECT_TRUE(a.contains(7));
  EXPECT_FALSE(a.contains(8));
  EXPECT_EQ(a.intersect({6, 20}), (Range<u64>{6, 8}));
  EXPECT_TRUE(a.intersect({9, 20}).empty());
  EXPECT_EQ(round_up(4097, 4096), 8192u);
}

struct Counted : RefCounted {
  explicit Counted(int& live) : live_(live) { ++live_; }
  ~Counted() override { --live_; }
  int& live_;
};

TEST(Ref, DeletesWithTheLastReference) {
  int live = 0;
  {
    Ref<Counted> a = make_ref<Counted>(live);
    Ref<Counted> b = a;
    a = nullptr;
    EXPECT_EQ(live, 1);
    EXPECT_EQ(b->ref_count(), 1u);
  }
  EXPECT_EQ(live, 0);
}

}  // namespace
}  // namespace quire
