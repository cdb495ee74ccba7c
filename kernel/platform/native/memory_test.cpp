#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "kernel/platform/native/memory_file.h"

namespace quire::platform::native {
namespace {

struct MemoryTest : ::testing::TestWithParam<const char*> {
  void SetUp() override {
    auto fd = MemoryFile::open_file(GetParam());
    if (!fd) GTEST_SKIP() << "this host has no " << GetParam();
    auto m = MemoryFile::create(std::move(*fd));
    ASSERT_TRUE(m);
    memory = std::move(*m);
  }
  std::unique_ptr<MemoryFile> memory;
};

TEST_P(MemoryTest, IsSparseAndEmptyAtFirst) {
  EXPECT_GE(memory->size().value() * page_size, u64{1} << 40) << "address space, not storage";
  EXPECT_EQ(memory->bytes_used(), 0u) << "probing leaves nothing behind";
  EXPECT_EQ(reinterpret_cast<u64>(memory->at(FrameNumber(0))) % huge_size, 0u);
}

TEST_P(MemoryTest, HolesAndPunch) {
  *memory->at(FrameNumber(100)) = std::byte{7};
  EXPECT_EQ(memory->next_data(FrameNumber(0), FrameNumber(4096)), FrameNumber(100));
  EXPECT_EQ(memory->next_data(FrameNumber(101), FrameNumber(4096)), FrameNumber(4096));
  EXPECT_EQ(memory->next_hole(FrameNumber(100), FrameNumber(4096)), FrameNumber(101));
  EXPECT_EQ(memory->bytes_used(), page_size);
  ASSERT_TRUE(memory->punch(FrameNumber(100), PageCount(1)));
  EXPECT_EQ(*memory->at(FrameNumber(100)), std::byte{0});
}

TEST_P(MemoryTest, HugePagesWhereTheProbeSaidSo) {
  const FrameNumber first(pages_per_huge * 8);
  if (memory->kind().tmpfs_huge_advise) {
    memory->advise_huge(first, PageCount(pages_per_huge), true);
    *memory->at(first) = std::byte{1};
    EXPECT_EQ(memory->bytes_used(), huge_size);
    memory->advise_huge(first, PageCount(pages_per_huge), false);
    ASSERT_TRUE(memory->punch(first, PageCount(pages_per_huge)));
  }
  if (memory->kind().collapse) {
    const FrameNumber other = first + pages_per_huge;
    *memory->at(other) = std::byte{1};
    EXPECT_TRUE(memory->collapse(other));
    EXPECT_EQ(*memory->at(other), std::byte{1});
  }
}

// A full file raises SIGBUS; a file cut short does the same, and can be had without filling the host.
TEST_P(MemoryTest, CheckedCopySurvivesAFullFile) {
  std::vector<std::byte> buffer(3 * page_size, std::byte{5});
  EXPECT_TRUE(memory->checked_copy(memory->at(FrameNumber(9)), buffer.data(), buffer.size()));
  ASSERT_EQ(ftruncate(memory->fd(), 10 * static_cast<off_t>(page_size)), 0);
  EXPECT_FALSE(memory->checked_copy(memory->at(FrameNumber(9)), buffer.data(), buffer.size()));
  EXPECT_FALSE(memory->checked_copy(buffer.data(), memory->at(FrameNumber(9)), buffer.size()));
  EXPECT_TRUE(memory->checked_copy(buffer.data(), memory->at(FrameNumber(9)), page_size));
  EXPECT_EQ(buffer[0], std::byte{5});
}

INSTANTIATE_TEST_SUITE_P(Kinds, MemoryTest, ::testing::Values("tmpfs", "memfd"));

TEST(MemoryFile, UnknownKindIsRefused) { EXPECT_FALSE(MemoryFile::open_file("floppy")); }

}  // namespace
}  // namespace quire::platform::native
