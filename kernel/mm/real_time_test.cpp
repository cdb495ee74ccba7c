// What is locked by mlockall, or belongs to a real-time task, takes no fault: not at its first touch, not
// after a change, not after a fork, and not because of what others do.
#include <sys/mman.h>

#include <thread>

#include "kernel/mm/mm_test.h"

namespace quire::mm::test {
namespace {

constexpr u64 bytes = 3 * huge_size + 20 * page_size;
constexpr u64 area = 0x7e90'0010'0000;

/// Writes `value` to each page as the guest would, and returns how many faults that took. Requests to the
/// stub were carried out when they were made, as prompt spaces have it.
u64 faults_of_writing(AddressSpaceImpl& s, u64 at, u64 length, u64 value) {
  u64 faults = 0;
  platform::fake::as_fake(s.space()).drain();
  for (u64 a = at; a < at + length; a += page_size)
    EXPECT_TRUE(platform::fake::as_fake(s.space()).store(GuestAddr(a), value + a, [&](GuestAddr g, Access w) {
      ++faults;
      return s.fault(g, w, g).signo == 0;
    }));
  return faults;
}

class RealTime : public testing::Test {
 protected:
  void SetUp() override {
    s_ = m_.space();
    ASSERT_EQ(map_anonymous(*s_, bytes, false, area), area);
  }
  Machine m_;
  Ref<AddressSpaceImpl> s_;
};

TEST_F(RealTime, UnlockedMemoryFaults) { EXPECT_GT(faults_of_writing(*s_, area, bytes, 1), 0u); }

TEST_F(RealTime, LockedMemoryTakesNoFault) {
  ASSERT_TRUE(s_->lock_all(MCL_CURRENT | MCL_FUTURE));
  EXPECT_EQ(faults_of_writing(*s_, area, bytes, 1), 0u);
  const u64 more = map_anonymous(*s_, bytes);
  EXPECT_EQ(faults_of_writing(*s_, more, bytes, 2), 0u);
  ASSERT_TRUE(s_->protect(GuestAddr(more), bytes, Access::read));
  ASSERT_TRUE(s_->protect(GuestAddr(more), bytes, rw));
  EXPECT_EQ(faults_of_writing(*s_, more, bytes, 3), 0u);
  auto moved = s_->remap(GuestAddr(more), bytes, 2 * bytes, MREMAP_MAYMOVE, GuestAddr(0));
  ASSERT_TRUE(moved.has_value());
  EXPECT_EQ(faults_of_writing(*s_, moved->value(), 2 * bytes, 4), 0u);
}

TEST_F(RealTime, OnFaultLeavesPagesToFaults) {
  ASSERT_TRUE(s_->lock_all(MCL_CURRENT | MCL_ONFAULT));
  EXPECT_GT(faults_of_writing(*s_, area, bytes, 1), 0u);
}

TEST_F(RealTime, ForkCopiesWhatIsLocked) {
  ASSERT_TRUE(s_->lock_all(MCL_CURRENT));
  ASSERT_EQ(faults_of_writing(*s_, area, bytes, 1), 0u);
  auto child = fork_of(*s_);
  EXPECT_EQ(faults_of_writing(*s_, area, bytes, 1000), 0u);
  for (u64 a = area; a < area + bytes; a += page_size) {
    ASSERT_EQ(get<u64>(*child, a), 1 + a);
    put(*child, a, u64{7});
  }
  for (u64 a = area; a < area + bytes; a += page_size) ASSERT_EQ(get<u64>(*s_, a), 1000 + a);
  EXPECT_EQ(s_->check(), "");
  EXPECT_EQ(child->check(), "");
  // The child is not locked: its own forks share as ever, and leave the parent alone.
  auto grandchild = fork_of(*child);
  EXPECT_GT(faults_of_writing(*child, area, bytes, 5), 0u);
  EXPECT_EQ(faults_of_writing(*s_, area, bytes, 2000), 0u);
}

TEST_F(RealTime, AfterMunlockallForkSharesAgain) {
  ASSERT_TRUE(s_->lock_all(MCL_CURRENT));
  ASSERT_TRUE(s_->unlock_all());
  ASSERT_EQ(faults_of_writing(*s_, area, bytes, 1), 0u);
  auto child = fork_of(*s_);
  EXPECT_GT(faults_of_writing(*s_, area, bytes, 2), 0u);
}

TEST_F(RealTime, FilesAreWritableAtOnceAndWrittenBack) {
  auto contents = std::make_shared<std::vector<std::byte>>(40 * page_size);
  auto object = *MemoryObject::create_backed(*m_.manager, std::make_unique<VectorSource>(contents),
                                             contents->size(), 0);
  ASSERT_TRUE(s_->lock_all(MCL_CURRENT | MCL_FUTURE));
  MapRequest r;
  r.length = contents->size();
  r.access = rw;
  r.shared = true;
  r.object = object;
  const u64 at = s_->map(r)->value();
  EXPECT_EQ(faults_of_writing(*s_, at, r.length, 9), 0u);
  ASSERT_TRUE(s_->sync(GuestAddr(at), r.length, MS_SYNC));
  u64 seen = 0;
  std::memcpy(&seen, contents->data() + 5 * page_size, sizeof seen);
  EXPECT_EQ(seen, 9 + at + 5 * page_size);
  EXPECT_EQ(faults_of_writing(*s_, at, r.length, 10), 0u);
}

TEST_F(RealTime, RealTimeTasksAreShownWhatIsThere) {
  EXPECT_GT(faults_of_writing(*s_, area, bytes, 1), 0u);
  platform::fake::as_fake(s_->space()).evict_all();
  s_->set_real_time(true);
  EXPECT_EQ(faults_of_writing(*s_, area, bytes, 2), 0u);
  const u64 more = map_anonymous(*s_, bytes);
  EXPECT_EQ(faults_of_writing(*s_, more, bytes, 2), 0u);
}

// A child forks, writes and unmaps all the time; the locked parent does not notice.
TEST_F(RealTime, OthersLeaveItAlone) {
  ASSERT_TRUE(s_->lock_all(MCL_CURRENT));
  ASSERT_EQ(faults_of_writing(*s_, area, bytes, 1), 0u);
  auto child = fork_of(*s_);
  std::thread other([&] {
    for (int i = 0; i < 30; ++i) {
      auto grandchild = fork_of(*child);
      (void)faults_of_writing(*grandchild, area, bytes, 50);
      (void)grandchild->unmap(GuestAddr(area), bytes / 2 / page_size * page_size);
      (void)faults_of_writing(*child, area, bytes, 60);
    }
  });
  u64 faults = 0;
  for (int i = 0; i < 30; ++i) faults += faults_of_writing(*s_, area, bytes, 70);
  other.join();
  EXPECT_EQ(faults, 0u);
}

}  // namespace
}  // namespace quire::mm::test
