#include <csignal>
#include <thread>

#include "kernel/platform/native/test_guest.h"

namespace quire::platform::native {
namespace {

using Kind = Trap::Kind;
using Route = Trap::Route;

struct PatchTest : NativeTest {
  void SetUp() override {
    NativeTest::SetUp();
    if (!__builtin_cpu_supports("bmi2")) GTEST_SKIP() << "no patching on this CPU";
  }
  void expect_call(u64 number, Route route = Route::patched) {
    const Trap t = context->run(*space);
    ASSERT_EQ(t.kind, Kind::syscall);
    EXPECT_EQ(t.route, route);
    EXPECT_EQ(context->regs().orig_rax, number);
    EXPECT_EQ(context->regs().rcx, context->regs().rip);
  }
};

TEST_F(PatchTest, ArgumentsAndResults) {
  ASSERT_EQ(load_patched(GUEST_CODE(two_calls)), 1u) << "of the two only one has its number right before it";
  expect_call(1000, Route::trapped);
  context->regs().rax = 4711;
  expect_call(1001);
  EXPECT_EQ(context->regs().rdi, 4711u);
  context->regs().rax = 0;
  const Trap t = context->run(*space);
  EXPECT_EQ(t.kind, Kind::exception);
  EXPECT_EQ(t.signo, SIGILL);
}

TEST_F(PatchTest, RedZoneSurvives) {
  ASSERT_EQ(load_patched(GUEST_CODE(red_zone)), 2u);
  expect_call(1000);
  expect_call(1001);
  EXPECT_EQ(context->regs().rdi, 0u);
}

TEST_F(PatchTest, ExtendedStateThroughARetrap) {
  ASSERT_EQ(load_patched(GUEST_CODE(keep_state)), 2u);
  const FrameNumber f = frames();
  for (int i = 0; i < 64; ++i) platform->memory().at(f)[i] = std::byte(i * 7 + 1);
  space->map(pages_at(0x600000), f, rw);
  context->regs().rdi = 0x600000;
  const u64 before = platform->counters().retraps;
  expect_call(1000);
  auto state = context->extended_state();
  ASSERT_TRUE(state);
  EXPECT_EQ(platform->counters().retraps, before + 1);
  EXPECT_EQ(memcmp(state->data() + 160, platform->memory().at(f), 16), 0) << "xmm0 in the legacy area";
  expect_call(1001);
  EXPECT_EQ(context->regs().rdi, 0u);
}

TEST_F(PatchTest, StateSurvivesWithoutARetrap) {
  ASSERT_EQ(load_patched(GUEST_CODE(keep_state)), 2u);
  const FrameNumber f = frames();
  for (int i = 0; i < 64; ++i) platform->memory().at(f)[i] = std::byte(i * 3 + 1);
  space->map(pages_at(0x600000), f, rw);
  context->regs().rdi = 0x600000;
  expect_call(1000);
  expect_call(1001);
  EXPECT_EQ(context->regs().rdi, 0u);
}

TEST_F(PatchTest, LibcSyscallFunction) {
  ASSERT_EQ(load_patched(GUEST_CODE(libc_syscall)), 1u);
  context->regs().rdi = 99;
  expect_call(1000);
  EXPECT_EQ(context->regs().r9, 99u);
}

TEST_F(PatchTest, AnswersComeFromTheStub) {
  ASSERT_EQ(load_patched(GUEST_CODE(getpids)), 2u);
  ASSERT_TRUE(context->set_answer(39, 4242));
  EXPECT_FALSE(context->set_answer(0, 1)) << "read is no such call";
  context->regs().rdi = 1000;
  expect_call(1000);
  EXPECT_EQ(context->regs().rdi, 4242u);
  EXPECT_EQ(context->answered_in_stub(), 1000u);
  context->clear_answers();
  context->regs().rip = code_at.value() + entry;
  context->regs().rdi = 1;
  expect_call(39);
}

TEST_F(PatchTest, AJumpToTheOldInstructionIsACall) {
  ASSERT_EQ(load_patched(GUEST_CODE(into_site)), 2u);
  expect_call(1000, Route::trapped);
  EXPECT_EQ(context->regs().rdi, 7u);
  // A restarted call goes the same way.
  context->regs().rip -= 2;
  context->regs().rax = 1000;
  expect_call(1000, Route::trapped);
  context->regs().rax = 5;
  expect_call(1001);
  EXPECT_EQ(context->regs().rdi, 5u);
}

TEST_F(PatchTest, TheSameTextTwiceInOneSpace) {
  ASSERT_EQ(load_patched(GUEST_CODE(red_zone)), 2u);
  space->map(pages_at(0x900000), text, rx);
  expect_call(1000);
  EXPECT_LT(context->regs().rip, 0x401000u);
  context->regs().rip = 0x900000 + entry;
  expect_call(1000, Route::trapped);
  EXPECT_GT(context->regs().rip, 0x900000u);
  expect_call(1001, Route::trapped);
}

TEST_F(PatchTest, TextThatMovesGoesOnAtItsNewPlace) {
  ASSERT_EQ(load_patched(GUEST_CODE(red_zone)), 2u);
  expect_call(1000);
  space->wait(space->unmap(pages_at(code_at.value())));
  space->map(pages_at(0x900000), text, rx);
  context->regs().rip = 0x900000 + entry;
  expect_call(1000);
  EXPECT_GT(context->regs().rip, 0x900000u);
}

TEST_F(PatchTest, AGuestThatUsesGsTraps) {
  ASSERT_EQ(load_patched(GUEST_CODE(bases)), 3u);
  const FrameNumber f = frames();
  space->map(pages_at(0x600000), f, rw);
  context->regs().fs_base = 0x600000;
  context->regs().rdi = 0x600008;
  expect_call(1000);
  expect_call(1001, Route::trapped);
  EXPECT_EQ(context->regs().gs_base, 0x600008u);
  EXPECT_LT(context->regs().rip, 0x401000u);
  expect_call(1002, Route::trapped);
}

TEST_F(PatchTest, OddFlagsSurvive) {
  for (const u64 flag : {u64{0x40000} /* AC */, u64{0x400} /* DF */, u64{0x1} /* CF */}) {
    ASSERT_EQ(load_patched(GUEST_CODE(flags)), 2u);
    context->regs().rdi = flag;
    context->regs().rflags = 0x202;
    expect_call(1000);
    EXPECT_EQ(context->regs().rflags & flag, flag);
    expect_call(1001);
    EXPECT_EQ(context->regs().rdi & flag, flag);
  }
}

TEST_F(PatchTest, SingleSteppingPassesThroughATrampoline) {
  ASSERT_EQ(load_patched(GUEST_CODE(flags)), 2u);
  context->regs().rdi = 0x100;
  int steps = 0, calls = 0;
  for (int i = 0; i < 200; ++i) {
    const Trap t = context->run(*space);
    EXPECT_LT(context->regs().rip, 0x401000u) << "only the guest's own code may be seen";
    if (t.kind == Kind::syscall) {
      if (context->regs().orig_rax == 1001) break;
      EXPECT_NE(context->regs().rflags & 0x100, 0u);
      ++calls;
      continue;
    }
    ASSERT_EQ(t.kind, Kind::exception);
    ASSERT_EQ(t.signo, SIGTRAP);
    ++steps;
  }
  EXPECT_EQ(calls, 1);
  EXPECT_GE(steps, 3);
}

TEST_F(PatchTest, ReadAsTheLibraryHasIt) {
  ASSERT_EQ(load_patched(GUEST_CODE(reads)), 2u);
  context->regs().rdi = 3;
  for (int i = 0; i < 3; ++i) {
    expect_call(0);
    EXPECT_EQ(context->regs().rip % page_size, entry + 7);
    context->regs().rax = 100;
  }
  expect_call(1001);
  EXPECT_EQ(context->regs().rdi, 100u);
  // The moved comparison sets the flags.
  context->regs().rip = code_at.value() + entry;
  context->regs().rdi = 3;
  expect_call(0);
  context->regs().rax = static_cast<u64>(-4);
  expect_call(1001);
  EXPECT_EQ(context->regs().rdi, static_cast<u64>(-4));
}

TEST_F(PatchTest, ReadGoesOnThroughAFrameToo) {
  ASSERT_EQ(load_patched(GUEST_CODE(reads)), 2u);
  context->regs().rdi = 2;
  expect_call(0);
  ASSERT_TRUE(context->extended_state());
  context->regs().rax = 5;
  context->regs().r12 = 42;
  expect_call(0);
  EXPECT_EQ(context->regs().r12, 42u);
  EXPECT_EQ(context->regs().rcx, context->regs().rip);
  context->interrupt();
  EXPECT_EQ(context->run(*space).kind, Kind::interrupted);
  EXPECT_LT(context->regs().rip, 0x401000u);
  context->regs().rax = 6;
  expect_call(1001);
  EXPECT_EQ(context->regs().rdi, 6u);
}

TEST_F(PatchTest, JumpsAroundReadAreWhatTheyWere) {
  ASSERT_EQ(load_patched(GUEST_CODE(into_read)), 2u);
  expect_call(1000, Route::trapped);
  EXPECT_EQ(context->regs().rip % page_size % 32, 4u);
  context->regs().rax = 1;
  expect_call(1001);
  EXPECT_EQ(context->regs().rdi, 0x77u) << "rcx is nobody's but the guest's behind the call";
  EXPECT_EQ(context->regs().rsi, static_cast<u64>(-4000));
}

TEST_F(PatchTest, AChainThatFaultsFaultsInTheGuest) {
  ASSERT_EQ(load_patched(GUEST_CODE(chain)), 1u);
  context->regs().rbx = 0x600000;
  auto expect_fault = [&] {
    const Trap t = context->run(*space);
    ASSERT_EQ(t.kind, Kind::page_fault);
    EXPECT_EQ(t.address.value(), 0x600008u);
    EXPECT_EQ(context->regs().rip % page_size % 32, 5u) << "the instruction's own place";
  };
  expect_fault();
  expect_fault();
  const FrameNumber f = frames();
  platform->memory().at(f)[8] = std::byte{9};
  space->map(pages_at(0x600000), f, rw);
  expect_call(1003);
  EXPECT_EQ(context->regs().rdi, 9u);
  expect_call(1002);
  EXPECT_EQ(context->regs().rdi, 9u);
}

TEST_F(PatchTest, SteppingThroughRead) {
  ASSERT_EQ(load_patched(GUEST_CODE(reads)), 2u);
  context->regs().rdi = 4;
  context->regs().rflags |= 0x100;
  int calls = 0, steps = 0;
  for (int i = 0; i < 200 && calls < 5; ++i) {
    const Trap t = context->run(*space);
    ASSERT_LT(context->regs().rip, 0x401000u) << "only the guest's own code may be seen";
    if (t.kind == Kind::syscall) {
      EXPECT_EQ(context->regs().orig_rax, calls < 4 ? 0u : 1001u);
      context->regs().rax = 3;
      ++calls;
      continue;
    }
    ASSERT_EQ(t.kind, Kind::exception);
    ASSERT_EQ(t.signo, SIGTRAP);
    ++steps;
  }
  EXPECT_EQ(calls, 5);
  EXPECT_GT(steps, 8);
}

TEST_F(PatchTest, NothingIsPatchedBeforeACallTrapped) {
  const FrameNumber f = frames();
  const std::span page(platform->memory().at(f), page_size);
  // movabs $0xeb050f0000002ab8, %rax holds what looks like a site.
  const u8 constant[] = {0x48, 0xb8, 0xb8, 0x2a, 0, 0, 0, 0x0f, 0x05, 0xeb};
  memcpy(page.data() + entry, constant, sizeof constant);
  const std::vector<std::byte> before(page.begin(), page.end());
  EXPECT_EQ(platform->patcher().apply(++next_key, 0, page), 0u);
  EXPECT_TRUE(std::equal(page.begin(), page.end(), before.begin()));
}

TEST_F(PatchTest, OneTrapIsNotWorthIt) {
  const FrameNumber f = frames();
  const std::span page(platform->memory().at(f), page_size);
  const u8 code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05};
  memcpy(page.data() + entry, code, sizeof code);
  const u64 key = ++next_key;
  EXPECT_FALSE(platform->patcher().trapped(key, 0, page, entry + 5, {.number = 39}));
  EXPECT_TRUE(platform->patcher().trapped(key, 0, page, entry + 5, {.number = 39}));
  EXPECT_EQ(platform->patcher().apply(key, 0, page), 1u);
  EXPECT_FALSE(platform->patcher().trapped(key, 0, page, entry + 5, {.number = 39}));
  EXPECT_EQ(platform->patcher().apply(key, 0, page), 0u) << "it is already";
}

TEST_F(PatchTest, InterruptsNeverLoseOrRepeatACall) {
  ASSERT_EQ(load_patched(GUEST_CODE(null_calls)), 1u);
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  std::thread other([&] {
    // At all sorts of moments, but never so fast that the guest gets nowhere.
    for (int seen = 0; !stop; seen = calls) {
      context->interrupt();
      usleep(20);
      while (!stop && calls == seen) sched_yield();
    }
  });
  int interrupts = 0;
  while (calls < 5000) {
    const Trap t = context->run(*space);
    ASSERT_LT(context->regs().rip, 0x401000u);
    if (t.kind == Kind::interrupted) {
      ++interrupts;
      continue;
    }
    ASSERT_EQ(t.kind, Kind::syscall);
    ASSERT_EQ(context->regs().orig_rax, 3u);
    context->regs().rax = 0;
    ++calls;
  }
  stop = true;
  other.join();
  EXPECT_GT(interrupts, 0);
}

}  // namespace
}  // namespace quire::platform::native
