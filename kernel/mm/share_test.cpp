// Private memory that becomes shared memory (mm_map).
#include <csignal>

#include "kernel/mm/mm_test.h"

namespace quire::mm::test {
namespace {

/// Maps all pieces of a range of `from` into `to`, one after the other.
u64 show(AddressSpaceImpl& from, u64 at, u64 length, AddressSpaceImpl& to) {
  auto pieces = from.share(GuestAddr(at), length);
  EXPECT_TRUE(pieces.has_value()) << pieces.error().value();
  if (!pieces) return 0;
  const u64 begin = map_anonymous(to, length + 2 * huge_size);
  u64 place = begin + (at - begin) % huge_size;
  const u64 result = place;
  for (const SharedPiece& p : *pieces) {
    MapRequest r;
    r.address = GuestAddr(place);
    r.fixed = r.shared = true;
    r.length = p.length;
    r.access = rw;
    r.object = p.object;
    r.offset = p.offset;
    EXPECT_TRUE(to.map(r).has_value());
    place += p.length;
  }
  EXPECT_EQ(from.check(), "");
  EXPECT_EQ(to.check(), "");
  return result;
}

int error_of(AddressSpaceImpl& s, u64 at, u64 length) {
  auto r = s.share(GuestAddr(at), length);
  return r ? 0 : r.error().value();
}

TEST(Share, BothSidesSeeWhatEitherWrites) {
  Machine m;
  auto source = m.space();
  auto other = m.space();
  const u64 a = map_anonymous(*source, 5 * huge_size);
  for (u64 p = 0; p < 5 * huge_size; p += huge_size / 8) put<u64>(*source, a + p, p + 1);
  const u64 b = show(*source, a, 5 * huge_size, *other);
  for (u64 p = 0; p < 5 * huge_size; p += huge_size / 8) EXPECT_EQ(get<u64>(*other, b + p), p + 1);
  put<u64>(*source, a + huge_size, 100);
  put<u64>(*other, b + 2 * huge_size, 200);
  EXPECT_EQ(get<u64>(*other, b + huge_size), 100u);
  EXPECT_EQ(get<u64>(*source, a + 2 * huge_size), 200u);
}

TEST(Share, UntouchedMemoryIsSharedToo) {
  Machine m;
  auto source = m.space();
  auto other = m.space();
  const u64 a = map_anonymous(*source, 3 * huge_size);
  const u64 b = show(*source, a, 3 * huge_size, *other);
  put<u64>(*other, b + huge_size + 8, 7);
  EXPECT_EQ(get<u64>(*source, a + huge_size + 8), 7u);
  EXPECT_EQ(get<u64>(*source, a), 0u);
}

TEST(Share, WholeBlocksAreNotCopied) {
  Machine m;
  auto source = m.space();
  const u64 a = map_anonymous(*source, 8 * huge_size, false, 0x40000000);
  for (u64 p = 0; p < 8 * huge_size; p += page_size) put<u64>(*source, a + p, p);
  const u64 before = m.blocks_used();
  ASSERT_EQ(error_of(*source, a, 8 * huge_size), 0);
  EXPECT_EQ(m.blocks_used(), before);
  for (u64 p = 0; p < 8 * huge_size; p += page_size) ASSERT_EQ(get<u64>(*source, a + p), p);
}

TEST(Share, StaysSharedAfterForksOfEitherSide) {
  Machine m;
  auto source = m.space();
  auto other = m.space();
  const u64 a = map_anonymous(*source, 3 * page_size);
  put<u64>(*source, a, 1);
  const u64 b = show(*source, a, 3 * page_size, *other);
  auto child = fork_of(*source);
  auto grandchild = fork_of(*other);
  put<u64>(*child, a, 2);
  EXPECT_EQ(get<u64>(*source, a), 2u);
  EXPECT_EQ(get<u64>(*other, b), 2u);
  put<u64>(*grandchild, b + page_size, 3);
  EXPECT_EQ(get<u64>(*child, a + page_size), 3u);
  EXPECT_EQ(*child->futex_key(GuestAddr(a), false), *other->futex_key(GuestAddr(b), false));
}

TEST(Share, CopiesMadeBeforeKeepTheirOwn) {
  Machine m;
  auto source = m.space();
  auto other = m.space();
  const u64 a = map_anonymous(*source, 2 * huge_size);
  for (u64 p = 0; p < 2 * huge_size; p += huge_size / 16) put<u64>(*source, a + p, 5);
  auto child = fork_of(*source);
  put<u64>(*source, a, 6);  // some pages are broken apart already
  const u64 b = show(*source, a, 2 * huge_size, *other);
  EXPECT_EQ(get<u64>(*other, b), 6u);
  EXPECT_EQ(get<u64>(*other, b + huge_size), 5u);
  put<u64>(*other, b + huge_size, 9);
  EXPECT_EQ(get<u64>(*source, a + huge_size), 9u);
  EXPECT_EQ(get<u64>(*child, a + huge_size), 5u);
  EXPECT_EQ(get<u64>(*child, a), 5u);
  put<u64>(*child, a + huge_size / 16, 11);
  EXPECT_EQ(get<u64>(*other, b + huge_size / 16), 5u);
}

TEST(Share, APartOfAnAreaLeavesTheRestPrivate) {
  Machine m;
  auto source = m.space();
  auto other = m.space();
  const u64 a = map_anonymous(*source, 10 * page_size);
  for (u64 p = 0; p < 10; ++p) put<u64>(*source, a + p * page_size, p);
  const u64 b = show(*source, a + 3 * page_size, 4 * page_size, *other);
  auto child = fork_of(*source);
  for (u64 p = 0; p < 10; ++p) {
    EXPECT_EQ(get<u64>(*source, a + p * page_size), p);
    put<u64>(*child, a + p * page_size, 50 + p);
  }
  for (u64 p = 0; p < 10; ++p)
    EXPECT_EQ(get<u64>(*source, a + p * page_size), p >= 3 && p < 7 ? 50 + p : p) << p;
  EXPECT_EQ(get<u64>(*other, b), 53u);
}

TEST(Share, PrivateFileMemoryIsCopiedOnce) {
  Machine m;
  auto bytes = std::make_shared<std::vector<std::byte>>(20 * page_size, std::byte{'f'});
  auto object =
      *MemoryObject::create_backed(*m.manager, std::make_unique<VectorSource>(bytes), bytes->size(), 0);
  auto source = m.space();
  auto other = m.space();
  MapRequest r;
  r.length = 20 * page_size;
  r.access = rw;
  r.object = object;
  const u64 a = source->map(r)->value();
  put<char>(*source, a + page_size, 'w');
  const u64 b = show(*source, a, 20 * page_size, *other);
  EXPECT_EQ(get<char>(*other, b), 'f');
  EXPECT_EQ(get<char>(*other, b + page_size), 'w');
  put<char>(*other, b + 10 * page_size, 'o');
  EXPECT_EQ(get<char>(*source, a + 10 * page_size), 'o');
  std::byte back;
  EXPECT_EQ(*object->read(10 * page_size, {&back, 1}), 1u);
  EXPECT_EQ(back, std::byte{'f'});
  // Beyond the end of the file there is nothing to share.
  r.length = 22 * page_size;
  const u64 c = source->map(r)->value();
  EXPECT_EQ(error_of(*source, c, 22 * page_size), EFAULT);
  EXPECT_EQ(error_of(*source, c, 20 * page_size), 0);
}

TEST(Share, BeyondTheEndOfMemoryThatHasNoSource) {
  Machine m;
  auto s = m.space();
  MapRequest r;
  r.length = 2 * page_size;
  r.access = rw;
  r.object = *MemoryObject::create_anonymous(*m.manager, page_size);
  const u64 a = s->map(r)->value();
  EXPECT_EQ(error_of(*s, a, 2 * page_size), EFAULT);
  EXPECT_EQ(error_of(*s, a, page_size), 0);
}

TEST(Share, RightsDoNotStandInTheWay) {
  Machine m;
  auto source = m.space();
  auto other = m.space();
  const u64 a = map_anonymous(*source, 4 * page_size);
  put<u64>(*source, a, 1);
  put<u64>(*source, a + page_size, 2);
  ASSERT_TRUE(source->protect(GuestAddr(a), page_size, Access::none));
  ASSERT_TRUE(source->protect(GuestAddr(a + page_size), page_size, Access::read));
  const u64 b = show(*source, a, 4 * page_size, *other);
  EXPECT_EQ(get<u64>(*other, b), 1u);
  put<u64>(*other, b + page_size, 3);
  EXPECT_EQ(get<u64>(*source, a + page_size), 3u);
  u64 v = 0;
  EXPECT_EQ(guest_load(*source, a, &v, 8), SIGSEGV);
  EXPECT_EQ(guest_store(*source, a + page_size, &v, 8), SIGSEGV);
}

TEST(Share, SharedMappingsAreHandedOutAsTheyAre) {
  Machine m;
  auto source = m.space();
  auto other = m.space();
  const u64 a = map_anonymous(*source, 4 * page_size, true, 0x40000000);
  map_anonymous(*source, 4 * page_size, false, a + 4 * page_size);
  put<u64>(*source, a + 3 * page_size, 1);
  const auto before = source->futex_key(GuestAddr(a), false);
  const u64 b = show(*source, a + page_size, 5 * page_size, *other);
  EXPECT_EQ(*source->futex_key(GuestAddr(a), false), *before);
  EXPECT_EQ(get<u64>(*other, b + 2 * page_size), 1u);
  put<u64>(*other, b + 4 * page_size, 4);
  EXPECT_EQ(get<u64>(*source, a + 5 * page_size), 4u);
}

TEST(Share, HugePagesMoveIntoTheObject) {
  Machine m;
  m.manager->huge_pages().set_total(6);
  auto source = m.space();
  auto other = m.space();
  MapRequest r;
  r.length = 2 * huge_size;
  r.access = rw;
  r.object = *MemoryObject::create_huge(*m.manager, r.length, nullptr);
  const u64 a = source->map(r)->value();
  put<u64>(*source, a, 8);
  auto child = fork_of(*source);
  EXPECT_EQ(error_of(*source, a + page_size, page_size), EINVAL);
  const u64 b = show(*source, a, 2 * huge_size, *other);
  EXPECT_EQ(get<u64>(*other, b), 8u);
  put<u64>(*other, b + huge_size, 9);
  EXPECT_EQ(get<u64>(*source, a + huge_size), 9u);
  put<u64>(*source, a, 10);
  EXPECT_EQ(get<u64>(*child, a), 8u);
  EXPECT_TRUE(source->find_vma(GuestAddr(a))->huge_tlb);
  child = nullptr;
  source = nullptr;
  other = nullptr;
  r.object = nullptr;
  const HugePageCounts counts = m.manager->huge_pages().counts();
  EXPECT_EQ(counts.free, 6u);
  EXPECT_EQ(counts.reserved, 0u);
}

TEST(Share, HugePagesThatThePoolLacks) {
  Machine m;
  m.manager->huge_pages().set_total(1);
  auto source = m.space();
  MapRequest r;
  r.length = 2 * huge_size;
  r.access = rw;
  r.no_reserve = true;
  r.object = *MemoryObject::create_huge(*m.manager, r.length, nullptr);
  const u64 a = source->map(r)->value();
  EXPECT_EQ(error_of(*source, a, 2 * huge_size), ENOMEM);
}

/// A file whose cached pages go whenever another part of it is read.
class LosingSource final : public PageSource {
 public:
  Result<std::size_t> read(u64, std::span<std::byte> to) override {
    if (object != nullptr) object->invalidate();
    std::memset(to.data(), 'l', to.size());
    return to.size();
  }
  Result<std::size_t> write(u64, std::span<const std::byte> from) override { return from.size(); }
  MemoryObject* object = nullptr;
};

TEST(Share, AFileThatLosesItsPagesAsFastAsTheyAreRead) {
  Machine m;
  auto source = std::make_unique<LosingSource>();
  LosingSource& losing = *source;
  MapRequest r;
  r.length = 2 * huge_size;
  r.access = rw;
  r.object = *MemoryObject::create_backed(*m.manager, std::move(source), r.length, 0);
  auto s = m.space();
  const u64 a = s->map(r)->value();
  losing.object = r.object.get();
  EXPECT_EQ(error_of(*s, a, 2 * huge_size), EAGAIN);
  losing.object = nullptr;
  EXPECT_EQ(error_of(*s, a, 2 * huge_size), 0);
  EXPECT_EQ(get<char>(*s, a + huge_size), 'l');
}

TEST(Share, WhatIsRefused) {
  Machine m;
  auto s = m.space();
  const u64 a = map_anonymous(*s, 4 * page_size);
  EXPECT_EQ(error_of(*s, a + 1, page_size), EINVAL);
  EXPECT_EQ(error_of(*s, a, 0), EINVAL);
  EXPECT_EQ(error_of(*s, a, ~u64{0}), EINVAL);
  EXPECT_EQ(error_of(*s, ~u64{0} - page_size + 1, page_size), EINVAL);
  ASSERT_TRUE(s->unmap(GuestAddr(a + 2 * page_size), page_size));
  EXPECT_EQ(error_of(*s, a, 4 * page_size), EFAULT);
  EXPECT_EQ(error_of(*s, a, 2 * page_size), 0);
}

TEST(Share, NothingIsLeftWhenAllAreGone) {
  Machine m;
  const u64 blocks = m.blocks_used();
  const u64 tables = m.tables_live();
  {
    auto source = m.space();
    auto other = m.space();
    const u64 a = map_anonymous(*source, 3 * huge_size);
    for (u64 p = 0; p < 3 * huge_size; p += page_size) put<u64>(*source, a + p, p);
    auto child = fork_of(*source);
    show(*source, a + page_size, 2 * huge_size, *other);
    ASSERT_TRUE(source->unmap(GuestAddr(a + huge_size), huge_size));
  }
  EXPECT_EQ(m.blocks_used(), blocks);
  EXPECT_EQ(m.tables_live(), tables);
}

}  // namespace
}  // namespace quire::mm::test
