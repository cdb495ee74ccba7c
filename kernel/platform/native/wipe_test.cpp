// A stub is used again by another address space: nothing of its last guest's is left in it.
#include "kernel/platform/native/frame.h"
#include "kernel/platform/native/test_guest.h"
#include "kernel/platform/native/wire.h"

namespace quire::platform::native {
namespace {

using Kind = Trap::Kind;

constexpr u64 mark = 0x5ec2e75ec2e75ec2;

struct WipeTest : NativeTest {
  void SetUp() override {
    NativeTest::SetUp();
    // Stubs are kept ready from the second process on.
    load(GUEST_CODE(two_calls));
    ASSERT_EQ(context->run(*space).kind, Kind::syscall);
    end();
    const auto first = platform->counters();
    start();
    load(GUEST_CODE(two_calls));
    ASSERT_EQ(context->run(*space).kind, Kind::syscall);
    end();
    if (platform->counters().stubs_reused == first.stubs_reused)
      GTEST_SKIP() << "the host does not tell where a stub's thread is";
  }
  void start() {
    space = *platform->create_space();
    context = *platform->create_context();
  }
  void end() {
    context->reset();
    space = nullptr;
    context = nullptr;
  }
  void expect_end_with_stub() {
    const u64 before = reused(), ended = killed();
    end();
    EXPECT_EQ(reused(), before);
    EXPECT_EQ(killed(), ended + 1);
  }
  void expect_clean_guest() {
    start();
    load(GUEST_CODE(two_calls));
    ASSERT_EQ(context->run(*space).kind, Kind::syscall);
    EXPECT_EQ(context->regs().orig_rax, 1000u);
    EXPECT_EQ(context->regs().rdi, 1u);
    ASSERT_EQ(context->run(*space).kind, Kind::syscall);
    ASSERT_EQ(context->run(*space).kind, Kind::exception);
    EXPECT_EQ(context->regs().rflags & (flag_trap | flag_alignment), 0u);
    end();
  }
  /// Says that it has trapped; in truth it waits in the handler's futex, where a parked thread does, but it
  /// single-steps, its signals are open, and their stack is at `stack` (0: where it belongs), at `off` bytes
  /// from where the stack pointer should be.
  void pretend_to_be_parked(u64 stack, u64 off) {
    start();
    load(GUEST_CODE(where_parked));
    ASSERT_EQ(context->run(*space).kind, Kind::syscall);
    Registers& r = context->regs();
    const u64 slot = r.rdi, parked = r.rsi - 16;
    load(GUEST_CODE(pretend_and_return));
    const FrameNumber page = frames(8);
    space->map(pages_at(0x700000, 8), page, rw);
    SignalFrame f{};
    f.ss_sp = stack != 0 ? stack : slot + SLOT_STACK;
    f.ss_size = SLOT_SIZE - SLOT_STACK;
    if (stack == 0) f.ss_flags = 1u << 31;
    f.rip = stub_address(quire_stub_futex_ip) - 2;
    f.rsp = parked + off;
    f.rax = 202;
    f.rdi = slot + SLOT_TO_GUEST;
    f.cs = user_cs;
    f.ss = user_ss;
    f.rflags = 0x202 | flag_trap | flag_alignment;
    memcpy(platform->memory().at(page) + 0x100, &f, sizeof f);
    r.rsp = 0x700108;
    r.r12 = stub_address(quire_stub_sigreturn_ip) - 2;
    (void)context->run(*space);
  }
  static constexpr u64 flag_alignment = 0x40000;
  u64 reused() const { return platform->counters().stubs_reused; }
  u64 killed() const { return platform->counters().stubs_killed; }
};

TEST_F(WipeTest, NothingOfTheLastGuestIsLeft) {
  for (int round = 0; round < 20; ++round) {
    start();
    load(GUEST_CODE(mark_slot));
    const FrameNumber secret = frames();
    *reinterpret_cast<u64*>(platform->memory().at(secret)) = mark;
    space->map(pages_at(0x600000), secret, rw);
    context->regs().rdi = mark;
    ASSERT_EQ(context->run(*space).kind, Kind::syscall);
    ASSERT_EQ(context->regs().orig_rax, 1000u);
    const u64 before = reused();
    end();
    EXPECT_EQ(reused(), before + 1);

    start();
    load(GUEST_CODE(scan_slot));
    context->regs().rdi = mark;
    ASSERT_EQ(context->run(*space).kind, Kind::syscall);
    EXPECT_EQ(context->regs().orig_rax, 1001u);
    EXPECT_EQ(context->regs().rdi, 0u);
    load(GUEST_CODE(touch));
    context->regs().rdi = context->regs().rsi = 0x600000;
    const Trap t = context->run(*space);
    ASSERT_EQ(t.kind, Kind::page_fault) << "what the last guest had mapped is gone";
    EXPECT_EQ(t.address, GuestAddr(0x600000));
    end();
  }
}

TEST_F(WipeTest, APrivatePageIsGoneToo) {
  start();
  if (!space->supports_private()) GTEST_SKIP() << "the host forbids reading a stub's memory";
  load(GUEST_CODE(touch));
  const FrameNumber f = frames();
  space->map_private(pages_at(0x600000), f, rw);
  context->regs().rdi = context->regs().rsi = 0x600000;
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  const u64 before = reused();
  end();
  ASSERT_EQ(reused(), before + 1);
  start();
  load(GUEST_CODE(touch));
  space->map(pages_at(0x600000), f, rw);
  context->regs().rdi = context->regs().rsi = 0x600000;
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  EXPECT_EQ(context->regs().rdi, 1u) << "the file's page, which nobody has written";
  end();
}

TEST_F(WipeTest, AGuestThatOnlyPretendsToHaveStoppedDiesWithItsStub) {
  start();
  load(GUEST_CODE(pretend));
  (void)context->run(*space);
  expect_end_with_stub();
}

TEST_F(WipeTest, AGuestThatSleepsElsewhereDiesWithItsStub) {
  pretend_to_be_parked(0, 64);
  expect_end_with_stub();
}

// In the next guest its first step would be a signal whose frame lands in that guest's memory. So it makes
// that step in a stub without memory.
TEST_F(WipeTest, AGuestThatWouldStopInTheNextOnesMemoryStopsInNone) {
  pretend_to_be_parked(0x700000, 0);
  expect_end_with_stub();
  for (int i = 0; i < 4; ++i) expect_clean_guest();
}

TEST_F(WipeTest, AGuestThatIsWhereItShouldBeIsMadeWhatItShouldBe) {
  for (int i = 0; i < 4; ++i) {
    pretend_to_be_parked(0, 0);
    end();
    for (int k = 0; k < 4; ++k) expect_clean_guest();
  }
}

}  // namespace
}  // namespace quire::platform::native
