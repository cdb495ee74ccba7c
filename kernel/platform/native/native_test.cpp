#include <csignal>
#include <thread>

#include "kernel/platform/native/test_guest.h"

namespace quire::platform::native {
namespace {

using Kind = Trap::Kind;

TEST_F(NativeTest, SystemCallArrivesAndReturns) {
  load(GUEST_CODE(two_calls));
  Trap t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::syscall);
  EXPECT_FALSE(t.compat);
  Registers& r = context->regs();
  EXPECT_EQ(r.orig_rax, 1000u);
  EXPECT_EQ(r.rdi, 1u);
  EXPECT_EQ(r.rsi, 2u);
  EXPECT_EQ(r.rdx, 3u);
  EXPECT_EQ(r.r10, 4u);
  EXPECT_EQ(r.r8, 5u);
  EXPECT_EQ(r.r9, 6u);
  EXPECT_EQ(r.rcx, r.rip);
  r.rax = 4711;
  t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::syscall);
  EXPECT_EQ(context->regs().orig_rax, 1001u);
  EXPECT_EQ(context->regs().rdi, 4711u);
  t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::exception);
  EXPECT_EQ(t.signo, SIGILL);
}

TEST_F(NativeTest, FaultIsAnsweredByMapping) {
  load(GUEST_CODE(touch));
  context->regs().rdi = 0x600008;
  context->regs().rsi = 0x700010;
  Trap t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::page_fault);
  EXPECT_EQ(t.address, GuestAddr(0x600008));
  EXPECT_EQ(t.access, Access::read);
  const FrameNumber f = frames(2);
  const u64 value = 41;
  memcpy(platform->memory().at(f) + 8, &value, 8);
  space->map(pages_at(0x600000), f, Access::read);
  t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::page_fault);
  EXPECT_EQ(t.address, GuestAddr(0x700010));
  EXPECT_EQ(t.access, Access::write);
  space->map(pages_at(0x700000), f + 1, rw);
  t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::syscall);
  EXPECT_EQ(context->regs().rdi, 42u);
  u64 seen = 0;
  memcpy(&seen, platform->memory().at(f + 1) + 16, 8);
  EXPECT_EQ(seen, 42u);
}

TEST_F(NativeTest, RunningGuestIsInterrupted) {
  load(GUEST_CODE(spin));
  for (int i = 0; i < 20; ++i) {
    std::thread other([&] {
      usleep(2000);
      context->interrupt();
    });
    EXPECT_EQ(context->run(*space).kind, Kind::interrupted);
    other.join();
  }
  context->interrupt();
  EXPECT_EQ(context->run(*space).kind, Kind::interrupted) << "sticky";
}

TEST_F(NativeTest, RevocationStopsARunningGuest) {
  load(GUEST_CODE(store_loop));
  const FrameNumber f = frames();
  const GuestRange page = pages_at(0x600000);
  space->map(page, f, rw);
  context->regs().rdi = page.begin.value();
  auto* word = reinterpret_cast<std::atomic<u64>*>(platform->memory().at(f));
  for (int i = 0; i < 50; ++i) {
    std::thread revoker([&] {
      const u64 before = word->load();
      while (word->load() == before) {
      }
      space->wait(i % 2 == 0 ? space->unmap(page) : space->protect(page, Access::read));
      const u64 after = word->load();
      for (int k = 0; k < 100; ++k) EXPECT_EQ(word->load(), after) << "stored after the acknowledgement";
    });
    Trap t = context->run(*space);
    revoker.join();
    ASSERT_EQ(t.kind, Kind::page_fault);
    EXPECT_EQ(t.access, Access::write);
    space->map(page, f, rw);
  }
}

}  // namespace
}  // namespace quire::platform::native
