// From a frame to the places that map it, over forks, writes and exits.
#include "kernel/mm/mm_test.h"

namespace quire::mm::test {
namespace {

constexpr u64 area = 0x7e90'0000'0000;

FrameNumber frame_at(const AddressSpaceImpl& s, u64 address) {
  FrameNumber found{};
  s.for_each_frame([&](u64 at, FrameNumber f) {
    if (at == address) found = f;
  });
  return found;
}

class WayBack : public testing::TestWithParam<bool> {
 protected:
  WayBack()
      : m_([] {
          Policy p;
          p.copied_chains = GetParam();
          p.cow = Policy::Cow::page;
          return p;
        }()) {}
  const ReverseMap& back() const { return static_cast<ManagerImpl&>(*m_.manager).tables().back; }
  std::vector<u64> windows(FrameNumber f, const AddressSpaceImpl& s) const {
    std::vector<u64> found;
    for (const auto& p : back().places(f))
      if (p.tables == s.tables_identity()) found.push_back(p.window);
    return found;
  }
  Machine m_;
};

TEST_P(WayBack, SharingATableCopiesNothing) {
  auto s = m_.space();
  map_anonymous(*s, 4 * huge_size, false, area);
  put(*s, area, u64{1});
  const FrameNumber f = frame_at(*s, area);
  EXPECT_EQ(back().places(f).size(), 1u);
  const u64 tables = m_.tables_live();
  auto a = fork_of(*s);
  auto b = fork_of(*a);
  EXPECT_EQ(m_.tables_live(), tables);
  EXPECT_EQ(back().places(f).size(), 3u);
  EXPECT_EQ(back().sharers(f), 3u);
  EXPECT_EQ(windows(f, *b), std::vector<u64>{area});
  EXPECT_EQ(back().chain(f).size(), GetParam() ? 3u : 0u);
  a = nullptr;
  EXPECT_EQ(back().sharers(f), 2u);
  EXPECT_EQ(back().chain(f).size(), GetParam() ? 2u : 0u);
}

TEST_P(WayBack, AWriteMovesOnePlace) {
  auto s = m_.space();
  map_anonymous(*s, huge_size, false, area);
  put(*s, area, u64{1});
  auto child = fork_of(*s);
  const FrameNumber f = frame_at(*s, area);
  put(*child, area, u64{2});
  const FrameNumber own = frame_at(*child, area);
  ASSERT_NE(own, f);
  EXPECT_EQ(back().places(own), (std::vector<ReverseMap::Place>{{child->tables_identity(), area}}));
  // The rest of the block is still named by both.
  EXPECT_EQ(back().sharers(f), 2u);
  EXPECT_EQ(back().chain(f).size(), GetParam() ? 1u : 0u);
  EXPECT_EQ(back().chain(f + 1).size(), GetParam() ? 2u : 0u);
}

TEST_P(WayBack, MovedAndUnmapped) {
  auto s = m_.space();
  map_anonymous(*s, huge_size, false, area);
  put(*s, area, u64{1});
  const FrameNumber f = frame_at(*s, area);
  const u64 to = area + 8 * huge_size;
  ASSERT_TRUE(s->remap(GuestAddr(area), huge_size, huge_size, 3, GuestAddr(to)));
  EXPECT_EQ(windows(f, *s), std::vector<u64>{to});
  EXPECT_EQ(back().chain(f).size(), GetParam() ? 1u : 0u);
  ASSERT_TRUE(s->unmap(GuestAddr(to), huge_size));
  EXPECT_TRUE(back().places(f).empty());
  EXPECT_TRUE(back().chain(f).empty());
}

INSTANTIATE_TEST_SUITE_P(Chains, WayBack, testing::Bool());

}  // namespace
}  // namespace quire::mm::test
