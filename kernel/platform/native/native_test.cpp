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

TEST_F(NativeTest, RegistersAndExtendedStateSurviveACall) {
  load(GUEST_CODE(keep_state));
  const FrameNumber f = frames();
  for (int i = 0; i < 64; ++i) platform->memory().at(f)[i] = std::byte(i * 7 + 1);
  space->map(pages_at(0x600000), f, rw);
  context->regs().rdi = 0x600000;
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  // Through the kernel's hands, as a signal handler's frame would take it.
  auto state = context->extended_state();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->size(), platform->layout().extended_state_size);
  EXPECT_EQ(memcmp(state->data() + 160, platform->memory().at(f), 16), 0) << "xmm0 in the legacy area";
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  EXPECT_EQ(context->regs().orig_rax, 1001u);
  EXPECT_EQ(context->regs().rdi, 0u);
}

TEST_F(NativeTest, ACloneGoesOnWithTheParentsStateInAnotherSpace) {
  load(GUEST_CODE(keep_state));
  const FrameNumber f = frames();
  for (int i = 0; i < 64; ++i) platform->memory().at(f)[i] = std::byte(i * 5 + 3);
  space->map(pages_at(0x600000), f, rw);
  context->regs().rdi = 0x600000;
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);

  auto child_space = *platform->create_space();
  auto child = *platform->create_context();
  load(*child, *child_space, GUEST_CODE(keep_state));
  child_space->map(pages_at(0x600000), f, Access::read);
  ASSERT_TRUE(child->copy_state_from(*context));
  child->regs().rax = 0;
  for (Context* c : {child.get(), context.get()}) {
    ASSERT_EQ(c->run(c == child.get() ? *child_space : *space).kind, Kind::syscall);
    EXPECT_EQ(c->regs().orig_rax, 1001u);
    EXPECT_EQ(c->regs().rdi, 0u);
  }
}

TEST_F(NativeTest, AContextMovesBetweenSpaces) {
  load(GUEST_CODE(keep_state));
  const FrameNumber f = frames();
  for (int i = 0; i < 64; ++i) platform->memory().at(f)[i] = std::byte(i + 9);
  space->map(pages_at(0x600000), f, rw);
  context->regs().rdi = 0x600000;
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  auto other = *platform->create_space();
  const Registers kept = context->regs();
  load(*context, *other, GUEST_CODE(keep_state));
  other->map(pages_at(0x600000), f, rw);
  context->regs() = kept;
  ASSERT_EQ(context->run(*other).kind, Kind::syscall);
  EXPECT_EQ(context->regs().rdi, 0u);
}

TEST_F(NativeTest, SegmentBasesAreTheGuests) {
  load(GUEST_CODE(bases));
  const FrameNumber f = frames();
  u64 v[2] = {77, 88};
  memcpy(platform->memory().at(f), v, sizeof v);
  space->map(pages_at(0x600000), f, rw);
  context->regs().fs_base = 0x600000;
  context->regs().rdi = 0x600008;
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  EXPECT_EQ(context->regs().rdi, 77u);
  EXPECT_EQ(context->regs().fs_base, 0x600000u);
  EXPECT_EQ(context->regs().gs_base, 0u);
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  EXPECT_EQ(context->regs().gs_base, 0x600008u);
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  EXPECT_EQ(context->regs().rdi, 88u);
}

TEST_F(NativeTest, ThreadsOfOneSpaceRunTogether) {
  load(GUEST_CODE(null_calls));
  constexpr int n = 8;
  std::vector<std::thread> threads;
  std::atomic<int> calls{0};
  for (int i = 0; i < n; ++i)
    threads.emplace_back([&] {
      auto c = *platform->create_context();
      c->regs().rip = code_at.value();
      for (int k = 0; k < 500; ++k) {
        Trap t = c->run(*space);
        ASSERT_EQ(t.kind, Kind::syscall);
        ASSERT_EQ(c->regs().orig_rax, 3u);
        c->regs().rax = 0;
        ++calls;
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(calls.load(), n * 500);
}

TEST_F(NativeTest, MoreRequestsThanTheRingHolds) {
  load(GUEST_CODE(read_pages));
  constexpr u64 n = 3000;
  const FrameNumber f = frames(2 * n);
  // Every other frame: nothing merges.
  for (u64 i = 0; i < n; ++i) {
    *platform->memory().at(f + 2 * i) = std::byte{1};
    space->map(pages_at(0x10000000 + i * page_size), f + 2 * i, Access::read);
  }
  context->regs().rdi = 0x10000000;
  context->regs().rsi = 0x10000000 + n * page_size;
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  EXPECT_EQ(context->regs().rdi, n);
  // The same again with the stub bound, each page gone and back.
  for (u64 i = 0; i < n; ++i) {
    space->unmap(pages_at(0x10000000 + i * page_size));
    space->map(pages_at(0x10000000 + i * page_size), f + 2 * i, rw);
  }
  space->wait(space->protect(pages_at(0x10000000, n), Access::read));
  context->regs().rip = code_at.value();
  context->regs().rdi = 0x10000000;
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  EXPECT_EQ(context->regs().rdi, n);
}

TEST_F(NativeTest, TheHostsLimitOnMappingsIsNeverReached) {
  load(GUEST_CODE(read_pages));
  constexpr u64 n = 70000;
  const FrameNumber f = frames(2 * n);
  context->regs().rdi = 0x10000000;
  context->regs().rsi = 0x10001000;
  ASSERT_EQ(context->run(*space).kind, Kind::page_fault);
  for (u64 i = 0; i < n; ++i) space->map(pages_at(0x10000000 + i * page_size), f + 2 * i, Access::read);
  context->regs().rdi = 0x10000000 + 48000 * page_size;
  context->regs().rsi = 0x10000000 + n * page_size;
  Trap t;
  u64 faults = 0;
  while ((t = context->run(*space)).kind == Kind::page_fault) {
    ++faults;
    const GuestAddr p = page_down(t.address);
    if (p == code_at || p == stack_at) {
      const FrameNumber code = frames();
      memcpy(platform->memory().at(code), guest_read_pages, 64);
      space->map({p, p + page_size}, code, rx);
    } else {
      space->map({p, p + page_size}, f + 2 * ((p.value() - 0x10000000) >> page_shift), Access::read);
    }
  }
  EXPECT_EQ(t.kind, Kind::syscall);
  EXPECT_GT(faults, 0u);
}

// Its own platform, with few stubs.
TEST_F(NativeTest, IdleSpacesLoseTheirStubsWhereTheyAreScarce) {
  Options options;
  options.stub_pool = 1;
  options.max_stubs = 4;
  auto small = create_native(options);
  ASSERT_TRUE(small);
  struct Guest {
    std::unique_ptr<Space> space;
    std::unique_ptr<Context> context;
  };
  std::vector<Guest> guests(12);
  const FrameNumber code(5000), data(5001);
  memcpy((*small)->memory().at(code), guest_keep_state,
         static_cast<std::size_t>(guest_keep_state_end - guest_keep_state));
  for (u64 i = 0; i < guests.size(); ++i) {
    auto& g = guests[i];
    g.space = *(*small)->create_space();
    g.context = *(*small)->create_context();
    for (int k = 0; k < 64; ++k) (*small)->memory().at(data + i)[k] = std::byte(i * 16 + k);
    g.space->map(pages_at(0x400000), code, rx);
    g.space->map(pages_at(0x500000), FrameNumber(6000 + i), rw);
    g.space->map(pages_at(0x600000), data + i, rw);
    g.context->regs().rip = 0x400000;
    g.context->regs().rsp = 0x500800;
    g.context->regs().rdi = 0x600000;
    ASSERT_EQ(g.context->run(*g.space).kind, Kind::syscall) << i;
  }
  EXPECT_GT((*small)->counters().stubs_stolen, 0u);
  const Ticket old = guests[0].space->unmap(pages_at(0x500000));
  guests[0].space->map(pages_at(0x500000), FrameNumber(6000), rw);
  for (auto& g : guests) {
    ASSERT_EQ(g.context->run(*g.space).kind, Kind::syscall);
    EXPECT_EQ(g.context->regs().orig_rax, 1001u);
    EXPECT_EQ(g.context->regs().rdi, 0u) << "all state came along";
  }
  guests[0].space->wait(old);
}

TEST_F(NativeTest, PrivatePagesAreCopiedOnWriteByTheHost) {
  if (!space->supports_private()) GTEST_SKIP() << "the host forbids reading a stub's memory";
  load(GUEST_CODE(touch));
  const FrameNumber f = frames(4);
  u64 v = 5;
  memcpy(platform->memory().at(f) + 8, &v, 8);
  space->map_private(pages_at(0x600000, 4), f, Access::read);
  context->regs().rdi = 0x600008;
  context->regs().rsi = 0x602010;
  Trap t = context->run(*space);
  ASSERT_EQ(t.kind, Kind::page_fault);
  space->protect(pages_at(0x600000, 4), rw);
  ASSERT_EQ(context->run(*space).kind, Kind::syscall);
  memcpy(&v, platform->memory().at(f + 2) + 16, 8);
  EXPECT_EQ(v, 0u) << "the file must not change";
  GuestRange buffer[4];
  std::span<GuestRange> runs(buffer);
  ASSERT_TRUE(space->private_pages(pages_at(0x600000, 4), runs));
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0], pages_at(0x602000));
  ASSERT_TRUE(space->read_private(GuestAddr(0x602010), std::as_writable_bytes(std::span(&v, 1))));
  EXPECT_EQ(v, 6u);
  v = 99;
  ASSERT_TRUE(space->write_private(GuestAddr(0x602010), std::as_bytes(std::span(&v, 1))));
  v = 0;
  ASSERT_TRUE(space->read_private(GuestAddr(0x602010), std::as_writable_bytes(std::span(&v, 1))));
  EXPECT_EQ(v, 99u);
  EXPECT_GE(space->usage().anonymous_bytes, page_size);
}

}  // namespace
}  // namespace quire::platform::native
