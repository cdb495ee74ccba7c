#include "kernel/platform/mapping_table.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace quire::platform {
namespace {

GuestRange pages(u64 from, u64 to) { return {GuestAddr(from << page_shift), GuestAddr(to << page_shift)}; }

TEST(MappingTable, MergesNeighboursThatContinue) {
  MappingTable t;
  t.set({pages(0, 4), FrameNumber(100), Access::read, false});
  t.set({pages(8, 12), FrameNumber(108), Access::read, false});
  EXPECT_EQ(t.size(), 2u);
  t.set({pages(4, 8), FrameNumber(104), Access::read, false});
  EXPECT_EQ(t.size(), 1u);
  EXPECT_TRUE(t.protect(pages(5, 6), Access::none));
  EXPECT_EQ(t.size(), 3u);
  EXPECT_TRUE(t.protect(pages(5, 6), Access::read));
  EXPECT_EQ(t.size(), 1u);
}

TEST(MappingTable, TellsWhetherRightsWereLost) {
  MappingTable t;
  t.set({pages(0, 4), FrameNumber(0), Access::read, false});
  bool narrowed = false;
  EXPECT_TRUE(t.protect(pages(0, 4), Access::read | Access::write, &narrowed));
  EXPECT_FALSE(narrowed);
  EXPECT_TRUE(t.protect(pages(0, 1), Access::read, &narrowed));
  EXPECT_TRUE(narrowed);
  EXPECT_FALSE(t.erase(pages(9, 12)));
}

// Against a plain array, page by page.
TEST(MappingTable, AgreesWithAPlainModel) {
  struct Cell {
    bool present = false;
    u64 frame = 0;
    Access access = Access::none;
    bool is_private = false;
  };
  constexpr u64 n = 64;
  std::vector<Cell> model(n);
  MappingTable table;
  std::mt19937 random(7);
  for (int step = 0; step < 20000; ++step) {
    u64 a = random() % n, b = random() % n;
    if (b < a) std::swap(a, b);
    ++b;
    const auto access = static_cast<Access>(random() % 4);
    switch (random() % 3) {
      case 0: {
        const u64 first = (random() % 2) ? a : random() % 1000;
        const bool priv = random() % 4 == 0;
        table.set({pages(a, b), FrameNumber(first), access, priv});
        for (u64 i = a; i < b; ++i) model[i] = {true, first + i - a, access, priv};
        break;
      }
      case 1: {
        bool any = false;
        for (u64 i = a; i < b; ++i) any |= std::exchange(model[i], {}).present;
        ASSERT_EQ(table.erase(pages(a, b)), any);
        break;
      }
      case 2:
        table.protect(pages(a, b), access);
        for (u64 i = a; i < b; ++i)
          if (model[i].present) model[i].access = access;
        break;
    }
    u64 runs = 0;
    for (u64 i = 0; i < n; ++i) {
      const Mapping* m = table.find(GuestAddr(i << page_shift));
      ASSERT_EQ(m != nullptr, model[i].present) << step;
      if (m == nullptr) continue;
      ASSERT_EQ(m->frame_at(GuestAddr(i << page_shift)).value(), model[i].frame);
      ASSERT_EQ(m->access, model[i].access);
      ASSERT_EQ(m->is_private, model[i].is_private);
      const Cell* before = i == 0 ? nullptr : &model[i - 1];
      if (before == nullptr || !before->present || before->frame + 1 != model[i].frame ||
          before->access != model[i].access || before->is_private != model[i].is_private)
        ++runs;
    }
    ASSERT_EQ(table.size(), runs) << "not merged at step " << step;
  }
}

}  // namespace
}  // namespace quire::platform
