#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "kernel/mm/charges.h"
#include "kernel/mm/mm_test.h"

namespace quire::mm::test {
namespace {

TEST(Space, AnonymousMemoryStartsAsZerosAndKeepsWhatIsWritten) {
  Machine m;
  auto s = m.space();
  const u64 a = map_anonymous(*s, 5 * page_size);
  EXPECT_EQ(get<u64>(*s, a + 8), 0u);
  put<u64>(*s, a + 4 * page_size, 42);
  EXPECT_EQ(get<u64>(*s, a + 4 * page_size), 42u);
  EXPECT_EQ(s->check(), "");
}

TEST(Space, UnmappedMemoryIsGoneAndComesBackAsZeros) {
  Machine m;
  auto s = m.space();
  const u64 a = map_anonymous(*s, 4 * page_size);
  put<u64>(*s, a + page_size, 7);
  ASSERT_TRUE(s->unmap(GuestAddr(a + page_size), page_size));
  u64 v;
  EXPECT_EQ(guest_load(*s, a + page_size, &v, 8), SIGSEGV);
  EXPECT_EQ(map_anonymous(*s, page_size, false, a + page_size), a + page_size);
  EXPECT_EQ(get<u64>(*s, a + page_size), 0u);
}

TEST(Space, ForkedMemoryIsPrivateToBothSides) {
  Machine m;
  auto parent = m.space();
  const u64 a = map_anonymous(*parent, 3 * huge_size);
  for (u64 p = 0; p < 3 * huge_size; p += huge_size / 4) put<u64>(*parent, a + p, p + 1);
  auto child = fork_of(*parent);
  put<u64>(*parent, a, 1000);
  put<u64>(*child, a + huge_size, 2000);
  EXPECT_EQ(get<u64>(*child, a), 1u);
  EXPECT_EQ(get<u64>(*parent, a + huge_size), huge_size + 1);
  EXPECT_EQ(get<u64>(*parent, a), 1000u);
  EXPECT_EQ(get<u64>(*child, a + huge_size), 2000u);
  EXPECT_EQ(get<u64>(*child, a + 2 * huge_size), 2 * huge_size + 1);
}

TEST(Space, WriteComesBackWithoutACopyOnceTheChildIsGone) {
  Machine m;
  auto parent = m.space();
  const u64 a = map_anonymous(*parent, huge_size);
  put<u64>(*parent, a, 1);
  fork_of(*parent);
  const u64 before = m.manager->statistics().faults_cow;
  put<u64>(*parent, a, 2);
  EXPECT_EQ(m.manager->statistics().faults_cow, before);
}

TEST(Space, WhatAChildWroteIsCopiedByTheNextFork) {
  Machine m({}, FakeOptions{.evict = 0});
  auto parent = m.space();
  const u64 a = map_anonymous(*parent, 64 * page_size);
  put<u64>(*parent, a, 1);
  put<u64>(*fork_of(*parent), a, 2);
  put<u64>(*parent, a, 3);
  for (int i = 0; i < 2; ++i) {
    auto child = fork_of(*parent);
    const Statistics before = m.manager->statistics();
    put<u64>(*child, a, 4);
    put<u64>(*parent, a, 5);
    const Statistics after = m.manager->statistics();
    EXPECT_EQ(after.faults_cow, before.faults_cow);
    EXPECT_EQ(after.faults_refill, before.faults_refill);
    EXPECT_EQ(get<u64>(*child, a), 4u);
    EXPECT_EQ(get<u64>(*parent, a), 5u);
    EXPECT_EQ(parent->check(), "");
    EXPECT_EQ(child->check(), "");
  }
}

TEST(Space, SharedMemoryIsSeenByBothSidesOfAFork) {
  Machine m;
  auto parent = m.space();
  const u64 a = map_anonymous(*parent, 2 * page_size, true);
  auto child = fork_of(*parent);
  put<u64>(*child, a, 5);
  EXPECT_EQ(get<u64>(*parent, a), 5u);
  EXPECT_EQ(*parent->futex_key(GuestAddr(a), false), *child->futex_key(GuestAddr(a), false));
  EXPECT_FALSE(*parent->futex_key(GuestAddr(a), true) == *child->futex_key(GuestAddr(a), true));
}

TEST(Space, FilePagesComeFromTheSourceAndPrivateWritesStayPrivate) {
  Machine m;
  auto bytes = std::make_shared<std::vector<std::byte>>(100'000, std::byte{'x'});
  auto object =
      *MemoryObject::create_backed(*m.manager, std::make_unique<VectorSource>(bytes), bytes->size(), 1);
  auto s = m.space();
  MapRequest r;
  r.length = 30 * page_size;
  r.access = rw;
  r.object = object;
  const u64 a = s->map(r)->value();
  EXPECT_EQ(get<char>(*s, a + 99'999), 'x');
  EXPECT_EQ(get<char>(*s, a + 100'000), 0);
  char c;
  EXPECT_EQ(guest_load(*s, a + 25 * page_size, &c, 1), SIGBUS);
  put<char>(*s, a + 5000, 'y');
  std::byte back;
  EXPECT_EQ(*object->read(5000, {&back, 1}), 1u);
  EXPECT_EQ(back, std::byte{'x'});
  EXPECT_EQ(get<char>(*s, a + 5000), 'y');
  EXPECT_EQ(get<char>(*s, a + 4999), 'x');
}

TEST(Space, TheKernelReadsTheOriginalOfTextThatGuestsRunPatched) {
  Machine m;
  auto bytes = std::make_shared<std::vector<std::byte>>(300'000, std::byte{'t'});
  auto object =
      *MemoryObject::create_backed(*m.manager, std::make_unique<VectorSource>(bytes), bytes->size(), 77);
  auto s = m.space();
  MapRequest r;
  r.length = 70 * page_size;
  r.access = Access::read | Access::exec;
  r.object = object;
  r.populate = true;
  const u64 a = s->map(r)->value();
  EXPECT_EQ(get<char>(*s, a + 200'000), 't');
  char c = 0;
  ASSERT_TRUE(s->copy_in(&c, GuestAddr(a + 200'000), 1));
  EXPECT_EQ(c, 't');
}

TEST(Space, TruncationTakesPagesAway) {
  Machine m;
  auto object = *MemoryObject::create_anonymous(*m.manager, 10 * page_size);
  auto s = m.space();
  MapRequest r;
  r.length = 10 * page_size;
  r.access = rw;
  r.object = object;
  r.shared = true;
  const u64 a = s->map(r)->value();
  put<char>(*s, a + 5 * page_size, 'z');
  ASSERT_TRUE(object->resize(page_size + 1));
  char c;
  EXPECT_EQ(guest_load(*s, a + 5 * page_size, &c, 1), SIGBUS);
  ASSERT_TRUE(object->resize(10 * page_size));
  EXPECT_EQ(get<char>(*s, a + 5 * page_size), 0);
}

TEST(Space, KernelCopiesBreakCopyOnWrite) {
  Machine m;
  auto parent = m.space();
  const u64 a = map_anonymous(*parent, 64 * page_size);
  put<u64>(*parent, a + 4096, 1);
  auto child = fork_of(*parent);
  std::vector<std::byte> big(50 * page_size, std::byte{9});
  ASSERT_TRUE(parent->copy_out(GuestAddr(a + 100), big.data(), big.size()));
  EXPECT_EQ(get<u64>(*child, a + 4096), 1u);
  EXPECT_EQ(get<u8>(*parent, a + 100 + big.size() - 1), 9);
  EXPECT_EQ(get<u8>(*parent, a + 100 + big.size()), 0);
}

TEST(Space, NothingIsLeftBehind) {
  Machine m;
  {
    auto parent = m.space();
    const u64 a = map_anonymous(*parent, 3 * huge_size + 5 * page_size);
    for (u64 p = 0; p < 3 * huge_size; p += 7 * page_size) put<u64>(*parent, a + p, p);
    auto child = fork_of(*parent);
    auto second = fork_of(*child);
    for (u64 p = 0; p < 3 * huge_size; p += 31 * page_size) put<u64>(*child, a + p, p);
    ASSERT_TRUE(parent->unmap(GuestAddr(a + page_size), huge_size));
    ASSERT_TRUE(second->remap(GuestAddr(a), 5 * page_size, 9 * page_size, 1, GuestAddr(0)));
  }
  EXPECT_EQ(m.blocks_used(), 0u);
  EXPECT_EQ(m.tables_live(), 0u);
  EXPECT_EQ(static_cast<ManagerImpl&>(*m.manager).stored_bytes(), 0u);
  static_cast<ManagerImpl&>(*m.manager).pool().trim();
  EXPECT_EQ(m.platform->memory().bytes_used(), 0u);
}

TEST(Space, BrkGrowsAndShrinks) {
  Machine m;
  auto s = m.space();
  s->set_brk_start(GuestAddr(0x1000'0000));
  EXPECT_EQ(s->brk(GuestAddr(0)).value(), 0x1000'0000u);
  EXPECT_EQ(s->brk(GuestAddr(0x1000'5001)).value(), 0x1000'5001u);
  put<u8>(*s, 0x1000'5000, 3);
  EXPECT_EQ(s->brk(GuestAddr(0x1000'1000)).value(), 0x1000'1000u);
  EXPECT_EQ(s->brk(GuestAddr(0x1000'6000)).value(), 0x1000'6000u);
  EXPECT_EQ(get<u8>(*s, 0x1000'5000), 0);
}

TEST(Space, StackGrowsDownToItsLimit) {
  Machine m;
  auto s = m.space();
  Limits limits;
  limits.stack = 16 * page_size;
  s->set_limits(limits);
  MapRequest r;
  r.address = GuestAddr(0x7000'0000);
  r.fixed = true;
  r.length = 2 * page_size;
  r.access = rw;
  r.grows_down = true;
  ASSERT_TRUE(s->map(r));
  put<u64>(*s, 0x7000'0000 - 8, 1);
  put<u64>(*s, 0x7000'0000 - 10 * page_size, 2);
  u64 v;
  EXPECT_EQ(guest_load(*s, 0x7000'0000 - 15 * page_size, &v, 8), SIGSEGV);
}

TEST(Space, PinsHoldThePageWhileOthersFork) {
  Machine m;
  auto s = m.space();
  const u64 a = map_anonymous(*s, 16 * page_size);
  put<u64>(*s, a, 1);
  auto child = fork_of(*s);
  {
    auto pin = s->pin(GuestAddr(a), 8192, Access::write);
    ASSERT_TRUE(pin);
    (*pin)->pieces()[0][0] = std::byte{7};
  }
  EXPECT_EQ(get<u8>(*s, a), 7);
  EXPECT_EQ(get<u8>(*child, a), 1);
}

// ---- Memory left to the host's own copy-on-write

Policy left_to_host(bool copy_home) {
  Policy p;
  p.cow = Policy::Cow::host_private;
  p.copy_home = copy_home;
  return p;
}

/// A parent and its child that share two blocks; the parent has written to some pages of them since, which
/// only its stub has.
struct LeftToHost {
  explicit LeftToHost(bool copy_home = false) : m(left_to_host(copy_home)) {
    parent = m.space();
    a = map_anonymous(*parent, 2 * huge_size, false, 0x7e90'0000'0000);
    for (u64 p = 0; p < 2 * huge_size; p += page_size) put<u64>(*parent, a + p, p + 1);
    child = fork_of(*parent);
    for (u64 p = 0; p < 2 * huge_size; p += 16 * page_size) put<u64>(*parent, a + p, p + 2);
    EXPECT_EQ(parent->stub_bytes(), 64 * page_size);
  }
  Machine m;
  Ref<AddressSpaceImpl> parent, child;
  u64 a = 0;
};

TEST(LeftToHost, EachSideSeesItsOwn) {
  LeftToHost t;
  for (u64 p = 0; p < 2 * huge_size; p += page_size) {
    EXPECT_EQ(get<u64>(*t.parent, t.a + p), p % (16 * page_size) == 0 ? p + 2 : p + 1);
    EXPECT_EQ(get<u64>(*t.child, t.a + p), p + 1);
  }
  EXPECT_EQ(t.parent->check(), "");
  EXPECT_EQ(t.parent->stub_bytes(), 64 * page_size);
}

TEST(LeftToHost, TheKernelSeesAndChangesWhatOnlyTheStubHad) {
  LeftToHost t;
  EXPECT_EQ(*t.parent->load_u32(GuestAddr(t.a)), 2u);
  EXPECT_EQ(*t.parent->compare_exchange_u32(GuestAddr(t.a), 2, 50), 2u);
  EXPECT_EQ(get<u32>(*t.parent, t.a), 50u);
  EXPECT_EQ(get<u32>(*t.child, t.a), 1u);
  u64 v = 0;
  ASSERT_TRUE(t.parent->copy_in(&v, GuestAddr(t.a + huge_size), sizeof v));
  EXPECT_EQ(v, huge_size + 2);
  v = 77;
  ASSERT_TRUE(t.parent->copy_out(GuestAddr(t.a + huge_size + page_size), &v, sizeof v));
  EXPECT_EQ(get<u64>(*t.parent, t.a + huge_size + page_size), 77u);
  EXPECT_EQ(get<u64>(*t.child, t.a + huge_size + page_size), huge_size + page_size + 1);
}

TEST(LeftToHost, SmallCopiesOfTheKernelGoThroughTheStub) {
  LeftToHost t;
  platform::fake::as_fake(t.parent->space()).drain();
  const u64 settled = t.m.manager->statistics().settled;
  const std::vector<u64> words(64, 0x55);
  const u64 border = t.a + page_size;
  ASSERT_TRUE(t.parent->copy_out(GuestAddr(border - 256), words.data(), 512));
  EXPECT_EQ(*t.parent->read<u64>(GuestAddr(t.a)), 2u);
  EXPECT_EQ(*t.parent->read<u64>(GuestAddr(border + 248)), 0x55u);
  EXPECT_EQ(t.m.manager->statistics().settled, settled);
  EXPECT_EQ(get<u64>(*t.parent, border - 256), 0x55u) << "the guest sees what the kernel wrote";
  EXPECT_EQ(get<u64>(*t.child, border), page_size + 1) << "and the child does not";
  // A word that is changed atomically needs the frames.
  EXPECT_EQ(*t.parent->fetch_op_u32(GuestAddr(t.a), 1, 1), 2u);
  EXPECT_GT(t.m.manager->statistics().settled, settled);
  EXPECT_EQ(get<u32>(*t.parent, t.a), 3u);
  EXPECT_EQ(get<u64>(*t.parent, border + 248), 0x55u);
  EXPECT_EQ(t.parent->check(), "");
}

TEST(LeftToHost, DiscardedPagesAreZerosAndNotTheOldBytes) {
  LeftToHost t;
  ASSERT_TRUE(t.parent->advise(GuestAddr(t.a + 16 * page_size), 32 * page_size, 4));
  ASSERT_TRUE(t.parent->advise(GuestAddr(t.a + huge_size), huge_size, 4));
  EXPECT_EQ(get<u64>(*t.parent, t.a), 2u);
  EXPECT_EQ(get<u64>(*t.parent, t.a + 16 * page_size), 0u);
  EXPECT_EQ(get<u64>(*t.parent, t.a + 17 * page_size), 0u);
  EXPECT_EQ(get<u64>(*t.parent, t.a + 48 * page_size), 48 * page_size + 2);
  EXPECT_EQ(get<u64>(*t.parent, t.a + huge_size), 0u);
  EXPECT_EQ(get<u64>(*t.child, t.a + huge_size), huge_size + 1);
  EXPECT_EQ(t.parent->check(), "");
}

TEST(LeftToHost, AreasThatChangeKeepTheContents) {
  LeftToHost t;
  ASSERT_TRUE(t.parent->protect(GuestAddr(t.a), 8 * page_size, Access::read));
  ASSERT_TRUE(t.parent->unmap(GuestAddr(t.a + 8 * page_size), page_size));
  EXPECT_EQ(get<u64>(*t.parent, t.a), 2u);
  EXPECT_EQ(get<u64>(*t.parent, t.a + 16 * page_size), 16 * page_size + 2);
  auto moved = t.parent->remap(GuestAddr(t.a + huge_size), huge_size, 2 * huge_size, 1, GuestAddr(0));
  ASSERT_TRUE(moved);
  EXPECT_EQ(get<u64>(*t.parent, moved->value()), huge_size + 2);
  EXPECT_EQ(get<u64>(*t.parent, moved->value() + page_size), huge_size + page_size + 1);
  EXPECT_EQ(t.parent->check(), "");
}

TEST(LeftToHost, AnotherChildGetsCopiesAndTheParentKeepsItsPages) {
  LeftToHost t;
  auto second = fork_of(*t.parent);
  EXPECT_EQ(t.parent->stub_bytes(), 64 * page_size);
  put<u64>(*t.parent, t.a, 1000);
  put<u64>(*second, t.a + 16 * page_size, 2000);
  for (u64 p = 0; p < 2 * huge_size; p += page_size) {
    const u64 then = p % (16 * page_size) == 0 ? p + 2 : p + 1;
    EXPECT_EQ(get<u64>(*t.parent, t.a + p), p == 0 ? 1000 : then);
    EXPECT_EQ(get<u64>(*second, t.a + p), p == 16 * page_size ? 2000 : then);
    EXPECT_EQ(get<u64>(*t.child, t.a + p), p + 1);
  }
}

TEST(LeftToHost, AForkBringsHomeWhatNobodyElseHas) {
  LeftToHost t;
  t.child = nullptr;
  auto second = fork_of(*t.parent);
  EXPECT_EQ(t.parent->stub_bytes(), 0u);
  put<u64>(*t.parent, t.a, 1000);
  put<u64>(*second, t.a + 16 * page_size, 2000);
  for (u64 p = 0; p < 2 * huge_size; p += page_size) {
    const u64 then = p % (16 * page_size) == 0 ? p + 2 : p + 1;
    EXPECT_EQ(get<u64>(*t.parent, t.a + p), p == 0 ? 1000 : then);
    EXPECT_EQ(get<u64>(*second, t.a + p), p == 16 * page_size ? 2000 : then);
  }
  EXPECT_EQ(t.parent->check(), "");
}

TEST(LeftToHost, PagesComeHomeOnceNobodySharesTheirBlock) {
  LeftToHost t(true);
  t.child = nullptr;
  for (int i = 0; i < 2000 && t.parent->stub_bytes() != 0; ++i) {
    usleep(5000);
    platform::fake::as_fake(t.parent->space()).drain();
  }
  EXPECT_EQ(t.parent->stub_bytes(), 0u);
  const u64 breaks = t.m.manager->statistics().faults_cow;
  for (u64 p = 0; p < 2 * huge_size; p += page_size) {
    EXPECT_EQ(get<u64>(*t.parent, t.a + p), p % (16 * page_size) == 0 ? p + 2 : p + 1);
    put<u64>(*t.parent, t.a + p, 5);
  }
  EXPECT_EQ(t.m.manager->statistics().faults_cow, breaks);
  EXPECT_EQ(t.m.blocks_used(), 2u);
}

TEST(LeftToHost, PagesOfTheStubCountAsUsedMemory) {
  LeftToHost t;
  auto& manager = static_cast<ManagerImpl&>(*t.m.manager);
  u64 charges = t.m.tables_live() * sizeof(Table);
  for (AddressSpaceImpl* s : {t.parent.get(), t.child.get()})
    charges += stub_charge + s->space().usage().mappings * mapping_charge;
  EXPECT_EQ(manager.used_bytes(), t.m.platform->memory().bytes_used() + 64 * page_size + charges);
}

TEST(LeftToHost, ThatNoRoomIsLeftToSettleLosesNothing) {
  LeftToHost t;
  t.m.platform->fake_memory().fail_copies_after(2);
  EXPECT_FALSE(t.parent->settle_all());
  EXPECT_EQ(t.parent->check(), "");
  t.m.platform->fake_memory().fail_copies_after(0);
  ASSERT_TRUE(t.parent->protect(GuestAddr(t.a), page_size, Access::read));
  auto other = t.m.space();
  const u64 b = map_anonymous(*other, 8 * huge_size);
  for (u64 p = 0; p < 8 * huge_size; p += page_size) put<u64>(*other, b + p, ~u64{0});
  for (int round = 0; round < 2; ++round) {
    for (u64 p = 0; p < 2 * huge_size; p += page_size) {
      EXPECT_EQ(get<u64>(*t.parent, t.a + p), p % (16 * page_size) == 0 ? p + 2 : p + 1);
      EXPECT_EQ(get<u64>(*t.child, t.a + p), p + 1);
    }
    EXPECT_TRUE(t.parent->settle_all());
  }
  t.parent = t.child = other = nullptr;
  EXPECT_EQ(t.m.blocks_used(), 0u);
}

// What counts against --memory beside the blocks of the memory file.
TEST(Limit, TablesStubsAndMappingsCount) {
  Machine m;
  auto& manager = static_cast<ManagerImpl&>(*m.manager);
  const u64 none = manager.used_bytes();
  auto s = m.space();
  const u64 empty = manager.used_bytes();
  EXPECT_GE(empty - none, 100'000u);
  // Every second page: each is a host mapping of its own, and has an entry in a last-level table.
  const u64 at = map_anonymous(*s, 600 * page_size);
  for (u64 i = 0; i < 600; i += 2) {
    ASSERT_TRUE(s->protect(GuestAddr(at + i * page_size), page_size, Access::read));
  }
  platform::fake::as_fake(s->space()).drain();
  EXPECT_GE(manager.used_bytes() - empty, 300u * 200);
  s = nullptr;
  EXPECT_EQ(manager.used_bytes(), none);
}

std::atomic<unsigned> kills{0};

TEST(Limit, AForkBeyondItIsRefused) {
  Policy p;
  p.memory_limit = 4 * huge_size;
  Machine m(p);
  auto s = m.space();
  const u64 a = map_anonymous(*s, 8 * huge_size);
  for (u64 i = 0; i < 5 * huge_size; i += page_size) put<u8>(*s, a + i, 1);
  const auto refused = s->fork();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Errno(ENOMEM));
  ASSERT_TRUE(s->unmap(GuestAddr(a), 3 * huge_size));
  EXPECT_TRUE(s->fork());
}

TEST(Limit, CleanPagesOfFilesGoBeforeAnybodyIsKilled) {
  Policy policy;
  policy.memory_limit = u64{16} << 20;
  Machine m(policy);
  kills = 0;
  m.manager->set_out_of_memory_handler(
      [](void*) {
        ++kills;
        return false;
      },
      nullptr);
  auto bytes = std::make_shared<std::vector<std::byte>>(u64{64} << 20, std::byte{'x'});
  auto object =
      *MemoryObject::create_backed(*m.manager, std::make_unique<VectorSource>(bytes), bytes->size(), 0);
  auto s = m.space();
  MapRequest r;
  r.length = bytes->size();
  r.access = Access::read;
  r.object = object;
  const u64 a = s->map(r)->value();
  auto& manager = static_cast<ManagerImpl&>(*m.manager);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (u64 at = 0; at < bytes->size(); at += page_size) {
    ASSERT_EQ(get<char>(*s, a + at), 'x');
    // The fake's guest is quicker than the watch over the limit.
    while (manager.used_bytes() > policy.memory_limit && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
  }
  EXPECT_LE(manager.used_bytes(), policy.memory_limit);
  EXPECT_EQ(kills, 0u);
}

TEST(Limit, WritesBeyondItAreRefused) {
  Policy policy;
  policy.memory_limit = u64{16} << 20;
  Machine m(policy);
  auto& manager = static_cast<ManagerImpl&>(*m.manager);
  (void)manager.used_bytes();
  auto object = *MemoryObject::create_anonymous(*m.manager, 0);
  const std::vector<std::byte> block(64u << 10, std::byte{1});
  u64 written = 0;
  for (; written < u64{64} << 20; written += block.size())
    if (!object->write(written, block)) break;
  EXPECT_LE(written, policy.memory_limit);
  EXPECT_GT(written, policy.memory_limit / 2);
  EXPECT_EQ(object->write(written, block).error(), Errno(ENOSPC));
}

// Small areas are a mapping of the stub each: a guest that goes through them faults once for many.
TEST(Space, ScatteredWritesAfterAForkTakeFewFaults) {
  Policy policy;
  policy.collapse = false;  // nothing is prepared behind the test's back
  Machine m(policy, FakeOptions{.evict = 0});
  auto parent = m.space();
  constexpr u64 run = u64{64} << 20, runs = 12;
  const u64 a = map_anonymous(*parent, runs * run, false, 0x7e80'4000'0000);
  std::vector<u64> windows{a + huge_size};  // two in the first run, one in each of the others
  for (u64 r = 0; r < runs; ++r) windows.push_back(a + r * run + (r % 3) * 2 * huge_size);
  for (const u64 w : windows)
    for (u64 p = w; p < w + huge_size; p += page_size) put<u64>(*parent, p, p);
  auto child = fork_of(*parent);
  const u64 before = m.manager->statistics().faults_cow;
  for (const u64 w : windows) put<u64>(*parent, w + 5 * page_size, 1);
  EXPECT_LE(m.manager->statistics().faults_cow, before + 8) << "not one for each";
  for (const u64 w : windows) {
    EXPECT_EQ(get<u64>(*parent, w + 5 * page_size), 1u);
    EXPECT_EQ(get<u64>(*child, w + 5 * page_size), w + 5 * page_size);
  }
  EXPECT_EQ(parent->check(), "");
}

TEST(Space, AChildIsShownManyWindowsByOneFault) {
  Machine m({}, FakeOptions{.evict = 0});
  auto parent = m.space();
  constexpr u64 windows = 8;
  const u64 a = map_anonymous(*parent, windows * huge_size, false, 0x7e80'4000'0000);
  for (u64 p = 0; p < windows * huge_size; p += page_size) put<u64>(*parent, a + p, p);
  auto child = fork_of(*parent);
  const u64 before = m.manager->statistics().faults_refill;
  for (u64 w = 0; w < windows; ++w) EXPECT_EQ(get<u64>(*child, a + w * huge_size), w * huge_size);
  EXPECT_LE(m.manager->statistics().faults_refill, before + 2);
}

TEST(Expected, WhatIsWrittenToBeforeTheFirstForkIsCopiedByIt) {
  Machine m({}, FakeOptions{.evict = 0});
  auto parent = m.space();
  const u64 a = map_anonymous(*parent, 300 * page_size);
  for (u64 p = 0; p < 300; ++p) put<u64>(*parent, a + p * page_size, p);
  parent->watch_writes();
  platform::fake::as_fake(parent->space()).drain();
  const u64 before = m.manager->statistics().faults_refill;
  put<u64>(*parent, a, 1000);
  put<u64>(*parent, a + page_size, 1001);  // of the same piece
  EXPECT_EQ(m.manager->statistics().faults_refill, before + 1) << "it was looked for, once";
  put<u64>(*parent, a + 100 * page_size, 5);
  parent->watch_writes();
  platform::fake::as_fake(parent->space()).drain();
  put<u64>(*parent, a, 1000);
  auto child = fork_of(*parent);
  const u64 broken = m.manager->statistics().faults_cow;
  put<u64>(*child, a, 2);
  put<u64>(*parent, a, 3);
  EXPECT_EQ(m.manager->statistics().faults_cow, broken);
  put<u64>(*parent, a + 100 * page_size, 4);
  EXPECT_EQ(m.manager->statistics().faults_cow, broken + 1) << "once is not always";
  put<u64>(*parent, a + 200 * page_size, 4);
  EXPECT_EQ(m.manager->statistics().faults_cow, broken + 2) << "nobody wrote to that";
  EXPECT_EQ(get<u64>(*child, a), 2u);
  EXPECT_EQ(get<u64>(*child, a + page_size), 1001u);
  EXPECT_EQ(get<u64>(*child, a + 200 * page_size), 200u);
  EXPECT_EQ(parent->check(), "");
}

TEST(Expected, WindowsThatAreWrittenToAllOverAreWatchedNoLonger) {
  Machine m({}, FakeOptions{.evict = 0});
  auto s = m.space();
  const u64 a = map_anonymous(*s, 300 * page_size);
  for (u64 p = 0; p < 300; ++p) put<u64>(*s, a + p * page_size, p);
  s->watch_writes();
  platform::fake::as_fake(s->space()).drain();
  const u64 before = m.manager->statistics().faults_refill;
  for (u64 p = 0; p < 300; ++p) put<u64>(*s, a + p * page_size, p + 1);
  EXPECT_LE(m.manager->statistics().faults_refill, before + 2 * 6) << "in at most two windows";
  auto child = fork_of(*s);
  const u64 broken = m.manager->statistics().faults_cow;
  put<u64>(*child, a + 64 * page_size, 2);
  EXPECT_EQ(m.manager->statistics().faults_cow, broken + 1) << "too much to be copied at once";
}

TEST(Expected, WhoHasSmallPagesEverywhereIsNotWatched) {
  Machine m({}, FakeOptions{.evict = 0});
  auto s = m.space();
  constexpr u64 windows = 70;
  const u64 a = map_anonymous(*s, windows * huge_size, false, 0x7e80'4000'0000);
  for (u64 w = 0; w < windows; ++w) put<u64>(*s, a + w * huge_size + 7 * page_size, w);
  s->watch_writes();
  platform::fake::as_fake(s->space()).drain();
  const u64 before = m.manager->statistics().faults_refill;
  for (u64 w = 0; w < windows; ++w) put<u64>(*s, a + w * huge_size + 7 * page_size, w);
  EXPECT_EQ(m.manager->statistics().faults_refill, before);
}

TEST(Expected, ARealTimeSpaceIsNotWatched) {
  Machine m({}, FakeOptions{.evict = 0});
  auto s = m.space();
  const u64 a = map_anonymous(*s, 300 * page_size);
  for (u64 p = 0; p < 300; ++p) put<u64>(*s, a + p * page_size, p);
  s->watch_writes();
  s->set_real_time(true);
  s->watch_writes();
  platform::fake::as_fake(s->space()).drain();
  const Statistics before = m.manager->statistics();
  for (u64 p = 0; p < 300; ++p) put<u64>(*s, a + p * page_size, p + 1);
  EXPECT_EQ(m.manager->statistics().faults_refill, before.faults_refill);
}

TEST(Expected, WhatIsGivenBackInTimeTakesNoFault) {
  Machine m({}, FakeOptions{.evict = 0});
  auto s = m.space();
  const u64 a = map_anonymous(*s, 300 * page_size);
  for (u64 p = 0; p < 300; ++p) put<u64>(*s, a + p * page_size, p);
  s->watch_writes();
  s->end_watch();
  platform::fake::as_fake(s->space()).drain();
  const u64 before = m.manager->statistics().faults_refill;
  for (u64 p = 0; p < 300; ++p) put<u64>(*s, a + p * page_size, p + 1);
  EXPECT_EQ(m.manager->statistics().faults_refill, before);
}

TEST(Expected, CopiesFindTheirStorageReady) {
  Machine m({}, FakeOptions{.evict = 0});
  auto parent = m.space();
  const u64 a = map_anonymous(*parent, huge_size, false, 0x7e80'4000'0000);
  for (const u64 p : {0, 1, 2, 3, 100}) put<u64>(*parent, a + p * page_size, p + 1);
  const auto copies = parent->likely_copies();
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_EQ(copies[0].pages.count(), 5u);
  EXPECT_TRUE(copies[0].pages[100]);
  BlockPool& pool = static_cast<ManagerImpl&>(*m.manager).pool();
  pool.make_ready(copies);
  EXPECT_EQ(pool.kept_bytes(), 5 * page_size);
  pool.make_ready(copies);
  EXPECT_EQ(pool.kept_bytes(), 5 * page_size) << "once is enough";
  auto child = fork_of(*parent);
  put<u64>(*child, a, 77);
  EXPECT_EQ(pool.kept_bytes(), page_size) << "four were used";
  for (const u64 p : {1, 2, 3, 100}) EXPECT_EQ(get<u64>(*child, a + p * page_size), p + 1);
  EXPECT_EQ(get<u64>(*child, a + 4 * page_size), 0u);
  EXPECT_EQ(get<u64>(*parent, a), 1u);
  child = nullptr;
  pool.drop_ready();
  EXPECT_EQ(pool.kept_bytes(), 0u);
}

TEST(Space, FilledWindowsOfSmallPagesAreFoundForACollapse) {
  Policy p;
  p.collapse = false;  // not behind the test's back
  Machine m(p);
  auto s = m.space();
  const u64 a = round_up(map_anonymous(*s, 10 * huge_size), huge_size);
  auto fill = [&](u64 window, u64 pages) {
    for (u64 i = 0; i < pages; ++i) put<u8>(*s, window + i * page_size, 1);
  };
  auto found = [&] {
    u64 n = 0;
    u64 cursor = 0;
    do {
      const auto block = s->next_small_window(cursor, 4);
      if (!block) continue;
      ++n;
      static_cast<ManagerImpl&>(*m.manager).pool().release_home(*block);
    } while (cursor != 0);
    return n;
  };
  EXPECT_EQ(found(), 0u);
  fill(a + 6 * huge_size, pages_per_huge);
  fill(a + 2 * huge_size, pages_per_huge - 20);
  fill(a + 4 * huge_size, pages_per_huge / 2);
  EXPECT_EQ(found(), 2u) << "full, or nearly so";
  ASSERT_TRUE(s->advise(GuestAddr(a), 8 * huge_size, MADV_NOHUGEPAGE));
  EXPECT_EQ(found(), 1u) << "no page that the guest has not touched is filled";
  const auto child = fork_of(*s);
  EXPECT_EQ(found(), 0u) << "what is shared is left alone";
  EXPECT_EQ(s->check(), "");
}

TEST(Gate, KeepsGuestsOutWhileItIsClosed) {
  GuestGate gate;
  gate.enter();
  {
    const GuestGate::Closed closed(gate);
    EXPECT_FALSE(closed.alone());
  }
  gate.leave();
  std::atomic<bool> inside{false};
  std::thread guest;
  {
    const GuestGate::Closed closed(gate);
    ASSERT_TRUE(closed.alone());
    guest = std::thread([&] {
      gate.enter();
      inside = true;
      gate.leave();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(inside);
    const GuestGate::Closed another(gate);
    EXPECT_TRUE(another.alone()) << "who waits is not inside";
  }
  guest.join();
  EXPECT_TRUE(inside);
}

TEST(Space, SmallAreasWalkedInOrderTakeFewFaults) {
  for (const auto lock : {Policy::Lock::vma, Policy::Lock::rwsem, Policy::Lock::mutex}) {
    Policy policy;
    policy.lock = lock;
    FakeOptions options;
    options.early_ack = options.evict = 0;
    Machine m(policy, options);
    auto s = m.space();
    constexpr u64 pages = 1000;
    const u64 at = map_anonymous(*s, pages * page_size);
    for (u64 i = 0; i < pages; ++i) put<u64>(*s, at + i * page_size, i);
    for (u64 i = 0; i < pages; i += 2)
      ASSERT_TRUE(s->protect(GuestAddr(at + i * page_size), page_size, Access::read));
    auto& stub = platform::fake::as_fake(s->space());
    stub.drain();
    stub.evict_all();
    unsigned faults = 0;
    for (u64 i = 0; i < pages; ++i) {
      u64 seen = 0;
      stub.drain();
      ASSERT_TRUE(stub.load(GuestAddr(at + i * page_size), &seen, sizeof seen, [&](GuestAddr a, Access w) {
        ++faults;
        return s->fault(a, w, a).signo == 0;
      }));
      ASSERT_EQ(seen, i);
    }
    EXPECT_LT(faults, 60u);
  }
}

}  // namespace
}  // namespace quire::mm::test
