#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "jffs2/flash/file_device.h"
#include "jffs2/flash/ram_device.h"

namespace quire::jffs2 {
namespace {

constexpr Geometry kNor{.erase_size = 4096, .block_count = 8};
constexpr Geometry kNand{.erase_size = 8192,
                         .block_count = 8,
                         .page_size = 512,
                         .oob_size = 16,
                         .oob_free_offset = 2,
                         .oob_free_size = 14};

/// A temporary file name that goes away with the test.
class TemporaryFile {
 public:
  TemporaryFile() {
    std::string path = (std::filesystem::temp_directory_path() / "quire-flash-XXXXXX").string();
    int fd = mkstemp(path.data());
    EXPECT_GE(fd, 0);
    ::close(fd);
    path_ = path;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Rules that hold on every chip.
void check_rules(FlashDevice& d) {
  const Geometry& g = d.geometry();
  u32 unit = g.is_nand() ? g.page_size : 4;
  std::vector<u8> data(unit, 0x5A), back(unit);
  ASSERT_TRUE(d.read(0, back));
  EXPECT_EQ(back, std::vector<u8>(unit, 0xFF));
  ASSERT_TRUE(d.program(0, data));
  ASSERT_TRUE(d.read(0, back));
  EXPECT_EQ(back, data);
  auto lent = d.view(0, unit);
  EXPECT_TRUE(lent.empty() || std::ranges::equal(lent, data));
  std::vector<u8> raised(unit, 0x5B);
  EXPECT_EQ(d.program(0, raised).error(), Errno(EINVAL)) << "a bit rose";
  if (g.is_nand()) {
    EXPECT_EQ(d.program(0, data).error(), Errno(EINVAL)) << "a page was programmed twice";
    ASSERT_TRUE(d.program(3 * unit, data));
    EXPECT_EQ(d.program(2 * unit, data).error(), Errno(EINVAL)) << "pages out of order";
    EXPECT_EQ(d.program(4 * unit, std::span(data).first(8)).error(), Errno(EINVAL)) << "part of a page";
  }
  EXPECT_EQ(d.read(g.size() - 1, back).error(), Errno(EINVAL));
  ASSERT_TRUE(d.erase(BlockIndex(0)));
  ASSERT_TRUE(d.read(0, back));
  EXPECT_EQ(back, std::vector<u8>(unit, 0xFF));
  ASSERT_TRUE(d.program(0, raised));
  if (g.oob_size != 0) {
    std::vector<u8> oob{1, 2, 3}, oob_back(3);
    ASSERT_TRUE(d.program_oob(g.erase_size, 2, oob));
    ASSERT_TRUE(d.read_oob(g.erase_size, 2, oob_back));
    EXPECT_EQ(oob, oob_back);
    EXPECT_FALSE(d.is_bad(BlockIndex(2)));
    ASSERT_TRUE(d.mark_bad(BlockIndex(2)));
    EXPECT_TRUE(d.is_bad(BlockIndex(2)));
    EXPECT_FALSE(d.erase(BlockIndex(2)));
  }
}

TEST(RamDevice, EnforcesTheRules) {
  RamDevice nor(kNor), nand(kNand);
  check_rules(nor);
  check_rules(nand);
  EXPECT_NE(nor.violations(), 0u);
}

TEST(RamDevice, SnapshotsAreApart) {
  RamDevice d(kNor);
  std::vector<u8> data(4, 0);
  ASSERT_TRUE(d.program(0, data));
  auto copy = d.snapshot();
  ASSERT_TRUE(d.program(4, data));
  EXPECT_EQ(copy->image()[0], 0);
  EXPECT_EQ(copy->image()[4], 0xFF);
}

TEST(RamDevice, CutsLeaveWhatTheySay) {
  std::vector<u8> data(256, 0);
  FlashOp op{FlashOp::Kind::program, 0, 0, data};
  auto zeros = [](const RamDevice& d) {
    auto i = d.image();
    return std::count(i.begin(), i.begin() + 256, 0);
  };
  RamDevice d(kNor);
  d.apply_cut(op, Cut::nothing, 1);
  EXPECT_EQ(zeros(d), 0);
  auto prefix = d.snapshot();
  prefix->apply_cut(op, Cut::prefix, 1);
  EXPECT_LT(zeros(*prefix), 256);
  EXPECT_EQ(prefix->image()[255], 0xFF);
  auto unstable = d.snapshot();
  unstable->apply_cut(op, Cut::unstable, 1);
  std::vector<std::vector<u8>> images;
  for (u64 seed = 0; seed < 8; seed++) {
    unstable->power_up(seed);
    images.push_back(unstable->image());
  }
  EXPECT_NE(std::ranges::adjacent_find(images, std::ranges::not_equal_to()), images.end());
  // A cut erase asks for another, whatever it reads as.
  FlashOp erase{FlashOp::Kind::erase, 0};
  unstable->apply_cut(erase, Cut::prefix, 3);
  EXPECT_FALSE(unstable->program(0, data));
  ASSERT_TRUE(unstable->erase(BlockIndex(0)));
  unstable->power_up(9);
  EXPECT_EQ(unstable->image()[0], 0xFF);
}

TEST(FileDevice, EnforcesTheRules) {
  TemporaryFile nor, nand;
  auto d = open_file_device(nor.path(), {.erase_size = 4096, .size = 32768, .create = true});
  ASSERT_TRUE(d);
  check_rules(**d);
  EXPECT_EQ(open_file_device(nor.path(), {.erase_size = 4096, .read_only = false}).error(), Errno(EBUSY));
  auto n = open_file_device(nand.path(), {.erase_size = 8192,
                                          .page_size = 512,
                                          .oob_size = 16,
                                          .oob_in_file = true,
                                          .size = 65536,
                                          .create = true});
  ASSERT_TRUE(n);
  check_rules(**n);
  EXPECT_EQ(std::filesystem::file_size(nand.path()), 65536u / 512 * 528);
}

TEST(FileDevice, OddSizesAndOffsets) {
  TemporaryFile f;
  {
    std::ofstream out(f.path(), std::ios::binary);
    out << std::string(100, 'x') << std::string(5000, 'y');
  }
  auto d = open_file_device(f.path(), {.erase_size = 4096, .file_offset = 100});
  ASSERT_TRUE(d);
  EXPECT_EQ((*d)->geometry().block_count, 2u);
  std::vector<u8> got(4096);
  ASSERT_TRUE((*d)->read(4096, got));
  EXPECT_EQ(got[903], 'y');
  EXPECT_EQ(got[904], 0xFF);
  EXPECT_TRUE((*d)->view(4096, 4096).empty());
  EXPECT_EQ((*d)->program(0, got).error(), Errno(EROFS));
  EXPECT_EQ(open_file_device(f.path() + ".none", {}).error(), Errno(ENOENT));
  EXPECT_EQ(open_file_device("/", {}).error(), Errno(EINVAL));
  EXPECT_EQ(open_file_device(f.path(), {.erase_size = 4095}).error(), Errno(EINVAL));
  EXPECT_EQ(open_file_device(f.path(), {.erase_size = 4096, .size = u64{1} << 33}).error(), Errno(EFBIG));
}

}  // namespace
}  // namespace quire::jffs2
