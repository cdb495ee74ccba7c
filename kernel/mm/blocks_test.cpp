// What was released in small pieces may stay, for copies; everybody else finds holes.
#include <chrono>
#include <thread>

#include "kernel/mm/mm_test.h"

namespace quire::mm::test {
namespace {

struct KeptPages : testing::Test {
  KeptPages() : platform(*FakePlatform::create({})), pool(*BlockPool::create(platform->memory())) {}

  BlockNumber home(u64 slot) {
    const BlockNumber b = *pool->allocate(slot, no_block, Use::overwritten);
    pool->whole_to_home(b);
    return b;
  }
  void fill(FrameNumber f, u32 n) { std::memset(platform->memory().at(f), 0xa5, n * page_size); }
  u64 stored(FrameNumber f, u32 n) const { return platform->memory().stored(f, PageCount(n)); }
  bool zeros(FrameNumber f) const {
    const std::byte* p = platform->memory().at(f);
    return std::all_of(p, p + page_size, [](std::byte b) { return b == std::byte{0}; });
  }
  u64 kept() const { return pool->kept_bytes() / page_size; }

  std::unique_ptr<FakePlatform> platform;
  std::unique_ptr<BlockPool> pool;
};

TEST_F(KeptPages, AreGivenOutToBeOverwrittenAndToNobodyElse) {
  const BlockNumber b = home(5);
  const FrameNumber f = first_frame(b) + 3;
  ASSERT_EQ(pool->name_run(f, 6, Use::fresh), 6u);
  fill(f, 4);  // the other two were never touched
  pool->release_frames(f, 6);
  EXPECT_EQ(kept(), 4u);
  EXPECT_TRUE(zeros(f));
  EXPECT_TRUE(zeros(f + 3));
  bool has = false;
  ASSERT_EQ(pool->name_run(f, 2, Use::overwritten, &has), 2u);
  EXPECT_TRUE(has);
  EXPECT_EQ(stored(f, 2), 2u);
  EXPECT_EQ(kept(), 2u);
  ASSERT_EQ(pool->name_run(f + 2, 2, Use::fresh), 2u);
  EXPECT_EQ(stored(f + 2, 2), 0u);
  EXPECT_EQ(kept(), 0u);
  has = false;
  ASSERT_EQ(pool->name_run(f + 4, 2, Use::overwritten, &has), 2u);
  EXPECT_FALSE(has);
  pool->release_frames(f, 6);
  pool->release_home(b);
}

TEST_F(KeptPages, AFreeBlockThatHasSomeIsAHomeAgainAtItsPlace) {
  const BlockNumber b = home(5);
  const FrameNumber f = first_frame(b) + 9;
  ASSERT_EQ(pool->name_run(f, 1, Use::fresh), 1u);
  fill(f, 1);
  pool->release_frames(f, 1);
  pool->release_home(b);
  EXPECT_EQ(pool->blocks_used(), 0u);
  const BlockNumber elsewhere = home(6);
  EXPECT_NE(elsewhere, b);
  EXPECT_EQ(home(5 + 32), b);
  EXPECT_EQ(kept(), 1u);
  pool->release_home(b);
  // Named as a whole it has nothing.
  EXPECT_EQ(*pool->allocate(5, b), b);
  EXPECT_EQ(stored(f, 1), 0u);
  EXPECT_EQ(kept(), 0u);
  pool->release_whole(b, 1);
  pool->release_home(elsewhere);
}

TEST_F(KeptPages, AreFewAndGoWhenAsked) {
  const BlockNumber b = home(1);
  const FrameNumber f = first_frame(b);
  ASSERT_EQ(pool->name_run(f, pages_per_huge, Use::fresh), pages_per_huge);
  fill(f, pages_per_huge);
  pool->release_frames(f + 100, 100);
  EXPECT_EQ(kept(), 0u) << "a large piece goes back to the host";
  for (u32 i = 200; i < pages_per_huge; i += 4) pool->release_frames(f + i, 4);
  const u64 most = kept();
  EXPECT_GT(most, 0u);
  EXPECT_LT(most, 312u);
  EXPECT_EQ(stored(f, pages_per_huge), 100 + most);
  pool->release_frames(f, 100);
  pool->release_home(b);
  pool->trim();
  EXPECT_EQ(kept(), 0u);
  EXPECT_EQ(platform->memory().bytes_used(), 0u);
  EXPECT_EQ(pool->blocks_used(), 0u);
}

struct Warm : KeptPages {
  /// A block that is filled with `byte`, as by a copy.
  BlockNumber filled(u64 slot, int byte) {
    bool warm = false;
    const BlockNumber b = *pool->allocate(slot, no_block, Use::covered, &warm);
    was_warm = warm;
    std::memset(platform->memory().at(first_frame(b)), byte, huge_size);
    pool->mark_dense(b, 1);
    return b;
  }
  bool was_warm = false;
};

TEST_F(Warm, BlocksAreUsedAgainForCopiesOnly) {
  const BlockNumber b = filled(5, 0xa5);
  EXPECT_FALSE(was_warm);
  pool->release_whole(b, 1);
  EXPECT_EQ(pool->warm(), 1u);
  EXPECT_EQ(pool->blocks_used(), 0u);
  EXPECT_EQ(kept(), pages_per_huge) << "it counts as free";
  const BlockNumber elsewhere = filled(6, 1);
  EXPECT_FALSE(was_warm) << "it would lie at the wrong place";
  EXPECT_EQ(filled(5 + 32, 2), b);
  EXPECT_TRUE(was_warm);
  EXPECT_EQ(pool->warm_used(), 1u);
  EXPECT_EQ(kept(), 0u);
  pool->release_whole(b, 1);
  // Whoever else names it, by wish or as one of a run, finds a hole.
  EXPECT_EQ(*pool->allocate(5, b), b);
  EXPECT_EQ(stored(first_frame(b), pages_per_huge), 0u);
  EXPECT_TRUE(zeros(first_frame(b)));
  pool->release_whole(b, 1);
  EXPECT_EQ(pool->warm(), 0u) << "there is nothing in it";
  pool->release_whole(elsewhere, 1);
  pool->trim();
  EXPECT_EQ(platform->memory().bytes_used(), 0u);
}

TEST_F(Warm, HomesAndRunsDoNotShowOldContents) {
  const BlockNumber b = filled(5, 0xa5);
  pool->release_whole(b, 1);
  const BlockNumber h = *pool->allocate(5, b, Use::overwritten);
  ASSERT_EQ(h, b);
  pool->whole_to_home(h);
  ASSERT_EQ(pool->name_run(first_frame(h), 4, Use::fresh), 4u);
  EXPECT_TRUE(zeros(first_frame(h)));
  pool->release_frames(first_frame(h), 4);
  pool->release_home(h);
  // All blocks of the file, in one run.
  std::vector<BlockNumber> some;
  for (u64 i = 0; i < 8; ++i) some.push_back(filled(i, 0x5a));
  for (const BlockNumber each : some) pool->release_whole(each, 1);
  EXPECT_EQ(pool->warm(), 8u);
  const u64 all = platform->memory().size().value() / pages_per_huge;
  const auto run = pool->allocate_run(all, 0);
  ASSERT_TRUE(run);
  for (const BlockNumber each : some) EXPECT_TRUE(zeros(first_frame(each) + 7));
  pool->release_whole(*run, all);
  EXPECT_EQ(pool->blocks_used(), 0u);
}

TEST_F(Warm, OnlyWhatIsFullStays) {
  const BlockNumber b = filled(5, 0xa5);
  pool->clear(first_frame(b) + 9, 1);
  pool->release_whole(b, 1);
  EXPECT_EQ(pool->warm(), 0u);
  EXPECT_EQ(platform->memory().bytes_used(), 0u);
  pool->keep_warm(false);
  pool->release_whole(filled(5, 0xa5), 1);
  EXPECT_EQ(pool->warm(), 0u);
  EXPECT_EQ(platform->memory().bytes_used(), 0u);
}

TEST_F(Warm, AHeldBlockBecomesDenseOnce) {
  const BlockNumber b = *pool->allocate(5, no_block);
  std::memset(platform->memory().at(first_frame(b)), 1, huge_size);
  ASSERT_TRUE(pool->hold_small(b));
  EXPECT_TRUE(pool->sole(b)) << "to hold it is not to name it";
  EXPECT_TRUE(pool->collapse_held(b));
  EXPECT_FALSE(pool->hold_small(b)) << "it is huge already";
  pool->clear(first_frame(b) + 3, 1);
  EXPECT_TRUE(pool->hold_small(b)) << "that took the huge page apart";
  pool->release_home(b);
  EXPECT_EQ(pool->counts(b).homes, 0u);
  pool->release_whole(b, 1);
  EXPECT_EQ(pool->blocks_used(), 0u);
}

TEST_F(Warm, AHeldBlockThatIsDroppedIsGivenBack) {
  const BlockNumber b = *pool->allocate(5, no_block);
  std::memset(platform->memory().at(first_frame(b)), 1, huge_size);
  ASSERT_TRUE(pool->hold_small(b));
  pool->release_whole(b, 1);
  EXPECT_EQ(pool->blocks_used(), 1u) << "nobody else may have it yet";
  EXPECT_EQ(stored(first_frame(b), pages_per_huge), 0u);
  (void)pool->collapse_held(b);
  EXPECT_EQ(pool->blocks_used(), 0u);
}

TEST_F(Warm, ABlockThatTheHostRefusesIsLeftAlone) {
  auto& memory = static_cast<platform::fake::FakeMemory&>(platform->memory());
  const BlockNumber b = *pool->allocate(5, no_block);
  memory.set_collapse_error(EAGAIN);
  int tries = 0;
  for (; tries < 10 && pool->hold_small(b); ++tries) EXPECT_FALSE(pool->collapse_held(b));
  EXPECT_EQ(tries, 3);
  pool->release_whole(b, 1);
  memory.set_collapse_error(0);
  EXPECT_EQ(*pool->allocate(5, b), b);
  EXPECT_TRUE(pool->hold_small(b)) << "its next owner may have better luck";
  EXPECT_TRUE(pool->collapse_held(b));
  pool->release_whole(b, 1);
}

TEST_F(Warm, BlocksCoolDownByThemselves) {
  pool->release_whole(filled(5, 0xa5), 1);
  EXPECT_EQ(pool->warm(), 1u);
  for (int i = 0; i < 1500 && pool->warm() != 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(pool->warm(), 0u);
  // What the thread has taken is being given back.
  for (int i = 0; i < 500 && pool->blocks_used() != 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(platform->memory().bytes_used(), 0u);
}

}  // namespace
}  // namespace quire::mm::test
