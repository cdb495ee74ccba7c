#include "kernel/platform/fake/fake.h"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "kernel/platform/holes.h"

namespace quire::platform::fake {
namespace {

constexpr GuestAddr A(u64 v) { return GuestAddr(v); }
constexpr GuestRange page(u64 a, u64 n = 1) { return {A(a), A(a + n * page_size)}; }
const auto give_up = [](GuestAddr, Access) { return false; };

struct FakeTest : ::testing::Test {
  FakeTest() {
    FakeOptions o;
    o.early_ack = o.evict = 0;
    platform = *FakePlatform::create(o);
    space_owner = *platform->create_space();
    space = &as_fake(*space_owner);
  }
  std::unique_ptr<FakePlatform> platform;
  std::unique_ptr<Space> space_owner;
  FakeSpace* space = nullptr;
};

TEST_F(FakeTest, MissFaultsThenMapIsSeen) {
  int faults = 0;
  u64 v = 7;
  ASSERT_TRUE(space->store(A(0x10008), v, [&](GuestAddr a, Access w) {
    EXPECT_EQ(a, A(0x10008));
    EXPECT_EQ(w, Access::write);
    ++faults;
    space->map(page(0x10000), FrameNumber(5), Access::read | Access::write);
    return true;
  }));
  EXPECT_EQ(faults, 1);
  u64 seen = 0;
  memcpy(&seen, platform->memory().at(FrameNumber(5)) + 8, 8);
  EXPECT_EQ(seen, 7u);
}

TEST_F(FakeTest, AccessBitsAreHonoured) {
  space->map(page(0x10000), FrameNumber(5), Access::read);
  u64 v = 0;
  EXPECT_TRUE(space->load(A(0x10000), v, give_up));
  EXPECT_FALSE(space->store(A(0x10000), v, give_up));
  EXPECT_FALSE(space->fetch(A(0x10000), &v, 8, give_up));
}

TEST_F(FakeTest, RevocationActsOnlyWhenAcknowledged) {
  space->map(page(0x10000), FrameNumber(5), Access::read | Access::write);
  u64 v = 1;
  ASSERT_TRUE(space->store(A(0x10000), v, give_up));
  const Ticket t = space->unmap(page(0x10000));
  EXPECT_FALSE(space->done(t));
  EXPECT_TRUE(space->store(A(0x10000), v, give_up)) << "stale, yet still possible";
  space->wait(t);
  EXPECT_TRUE(space->done(t));
  EXPECT_FALSE(space->store(A(0x10000), v, give_up));
}

TEST_F(FakeTest, PrivatePagesStayInTheStub) {
  u64 old = 11;
  memcpy(platform->memory().at(FrameNumber(5)), &old, 8);
  space->map_private(page(0x10000, 4), FrameNumber(5), Access::read | Access::write);
  u64 v = 12;
  ASSERT_TRUE(space->store(A(0x10000), v, give_up));
  ASSERT_TRUE(space->store(A(0x13000), v, give_up));
  memcpy(&v, platform->memory().at(FrameNumber(5)), 8);
  EXPECT_EQ(v, 11u);
  GuestRange buffer[4];
  std::span<GuestRange> runs(buffer);
  ASSERT_TRUE(space->private_pages(page(0x10000, 4), runs));
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0], page(0x10000));
  EXPECT_EQ(runs[1], page(0x13000));
  ASSERT_TRUE(space->read_private(A(0x10000), std::as_writable_bytes(std::span(&v, 1))));
  EXPECT_EQ(v, 12u);
  EXPECT_EQ(space->usage().anonymous_bytes, 2 * page_size);
  space->wait(space->unmap(page(0x10000)));
  EXPECT_EQ(space->usage().anonymous_bytes, page_size);
}

TEST_F(FakeTest, CopyAcrossPagesAndSplitMappings) {
  space->map(page(0x10000, 4), FrameNumber(10), Access::read | Access::write);
  space->wait(space->unmap(page(0x11000)));
  space->map(page(0x11000), FrameNumber(40), Access::read | Access::write);
  std::vector<char> text(3 * page_size, 'x');
  ASSERT_TRUE(space->store(A(0x10000), text.data(), text.size(), give_up));
  EXPECT_EQ(*platform->memory().at(FrameNumber(40)), std::byte{'x'});
  EXPECT_EQ(*platform->memory().at(FrameNumber(11)), std::byte{0});
  EXPECT_EQ(*platform->memory().at(FrameNumber(12)), std::byte{'x'});
}

TEST_F(FakeTest, HolesAndPunch) {
  Memory& m = platform->memory();
  *m.at(FrameNumber(100)) = std::byte{1};
  EXPECT_EQ(m.next_data(FrameNumber(0), FrameNumber(200)), FrameNumber(100));
  EXPECT_EQ(m.next_hole(FrameNumber(100), FrameNumber(200)), FrameNumber(101));
  ASSERT_TRUE(m.punch(FrameNumber(100), PageCount(1)));
  EXPECT_EQ(m.next_data(FrameNumber(0), FrameNumber(200)), FrameNumber(200));
  EXPECT_EQ(*m.at(FrameNumber(100)), std::byte{0});
}

TEST_F(FakeTest, AMapOfDataAgreesWithTheFile) {
  Memory& m = platform->memory();
  const FrameNumber base(4096);
  for (const u64 f : {3, 4, 9, 63}) *m.at(base + f) = std::byte{1};
  DataMap data(m, base, 64);
  EXPECT_EQ(data.next_data(base), base + 3);
  EXPECT_EQ(data.next_hole(base + 3), base + 5);
  EXPECT_EQ(data.next_data(base + 5), base + 9);
  EXPECT_EQ(data.next_hole(base + 9), base + 10);
  EXPECT_EQ(data.next_data(base + 10), base + 63);
  EXPECT_EQ(data.next_hole(base + 63), base + 64);
  EXPECT_EQ(data.next_data(base + 64), base + 64);
}

TEST_F(FakeTest, ScriptTrapsAndGoesOn) {
  auto owner = *platform->create_context();
  FakeContext& c = as_fake(*owner);
  u64 result = 0;
  c.set_script([&](Guest& g) {
    g.store<u64>(A(0x10000), 42);
    result = g.syscall(39, 1, 2, 3);
    g.exception(SIGILL, 1, A(0x400000));
  });
  Trap t = c.run(*space);
  ASSERT_EQ(t.kind, Trap::Kind::page_fault);
  EXPECT_EQ(t.address, A(0x10000));
  EXPECT_EQ(t.access, Access::write);
  space->map(page(0x10000), FrameNumber(5), Access::read | Access::write);
  t = c.run(*space);
  ASSERT_EQ(t.kind, Trap::Kind::syscall);
  EXPECT_EQ(c.regs().orig_rax, 39u);
  EXPECT_EQ(c.regs().rdx, 3u);
  c.regs().rax = 1234;
  t = c.run(*space);
  ASSERT_EQ(t.kind, Trap::Kind::exception);
  EXPECT_EQ(t.signo, SIGILL);
  EXPECT_EQ(result, 1234u);
  EXPECT_EQ(c.run(*space).kind, Trap::Kind::lost);
}

TEST_F(FakeTest, InterruptIsSticky) {
  auto owner = *platform->create_context();
  FakeContext& c = as_fake(*owner);
  c.set_script([](Guest& g) {
    while (!g.dead()) g.step();
  });
  c.interrupt();
  EXPECT_EQ(c.run(*space).kind, Trap::Kind::interrupted);
  std::thread other([&] { c.interrupt(); });
  EXPECT_EQ(c.run(*space).kind, Trap::Kind::interrupted);
  other.join();
}

TEST_F(FakeTest, ThreadsStoreWhileOthersRevoke) {
  constexpr u64 pages = 16;
  std::atomic<bool> stop{false};
  auto refill = [&](GuestAddr a, Access) {
    const GuestAddr p = page_down(a);
    space->map({p, p + page_size}, FrameNumber(p.value() >> page_shift), Access::read | Access::write);
    return true;
  };
  std::thread revoker([&] {
    for (int i = 0; i < 2000; ++i) space->wait(space->unmap(page(0x10000 + (i % pages) * page_size)));
    stop = true;
  });
  auto writer = [&](u64 seed) {
    for (u64 i = seed; !stop; ++i) {
      u64 v = i;
      ASSERT_TRUE(space->store(A(0x10000 + (i % (pages * 512)) * 8), v, refill));
    }
  };
  std::thread one(writer, 1), two(writer, 77);
  revoker.join();
  one.join();
  two.join();
}

}  // namespace
}  // namespace quire::platform::fake
