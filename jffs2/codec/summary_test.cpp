#include "jffs2/codec/summary.h"

#include <gtest/gtest.h>

namespace quire::jffs2 {
namespace {

class SummaryTest : public testing::TestWithParam<ByteOrder> {
 protected:
  /// A block of 4 KiB with one entry of each kind and its summary.
  std::vector<u8> block() {
    SummaryBuilder b(GetParam());
    b.add({.type = NodeType::inode, .offset = 12, .totlen = 70, .ino = Ino(5), .version = Version(6)});
    b.add({.type = NodeType::dirent,
           .offset = 84,
           .totlen = 43,
           .ino = Ino(5),
           .pino = Ino(1),
           .version = Version(2),
           .file_type = FileType::reg,
           .name = "abc"});
    b.add({.type = NodeType::xattr, .offset = 128, .totlen = 44, .version = Version(1), .xid = Xid(9)});
    b.add({.type = NodeType::xref, .offset = 172});
    EXPECT_EQ(b.entries(), 4u);
    std::vector<u8> out(200, 0xFF);
    auto node = b.finish(200, 4096 - 200, 12);
    out.insert(out.end(), node.begin(), node.end());
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(BothOrders, SummaryTest, testing::Values(std::endian::little, std::endian::big));

TEST_P(SummaryTest, ThereAndBack) {
  auto bytes = block();
  ASSERT_EQ(bytes.size(), 4096u);
  auto s = decode_summary(bytes, GetParam());
  ASSERT_TRUE(s);
  EXPECT_EQ(s->cleanmarker, 12u);
  EXPECT_EQ(s->node_offset, 200u);
  ASSERT_EQ(s->entries.size(), 4u);
  EXPECT_EQ(s->entries[0].ino, Ino(5));
  EXPECT_EQ(s->entries[0].version, Version(6));
  EXPECT_EQ(s->entries[0].totlen, 70u);
  EXPECT_EQ(s->entries[1].name, "abc");
  EXPECT_EQ(s->entries[1].pino, Ino(1));
  EXPECT_EQ(s->entries[1].file_type, FileType::reg);
  EXPECT_EQ(s->entries[2].xid, Xid(9));
  EXPECT_EQ(s->entries[3].offset, 172u);
}

TEST_P(SummaryTest, EveryFaultFallsBack) {
  auto bytes = block();
  for (std::size_t bit = 200 * 8; bit < bytes.size() * 8; bit += 3) {
    bytes[bit / 8] ^= static_cast<u8>(1u << bit % 8);
    EXPECT_FALSE(decode_summary(bytes, GetParam())) << bit;
    bytes[bit / 8] ^= static_cast<u8>(1u << bit % 8);
  }
}

TEST_P(SummaryTest, EntriesOutOfPlaceAreRefused) {
  for (u32 offset : {0xFFFFFFF0u, 8192u, 4000u, 84u}) {
    SummaryBuilder b(GetParam());
    b.add({.type = NodeType::inode, .offset = 84, .totlen = 70, .ino = Ino(5), .version = Version(6)});
    b.add({.type = NodeType::inode, .offset = offset, .totlen = 70, .ino = Ino(5), .version = Version(7)});
    std::vector<u8> out(200, 0xFF);
    auto node = b.finish(200, 4096 - 200, 12);
    out.insert(out.end(), node.begin(), node.end());
    EXPECT_FALSE(decode_summary(out, GetParam())) << offset;
  }
}

TEST_P(SummaryTest, SizesAddUp) {
  SummaryBuilder b(GetParam());
  EXPECT_EQ(b.size(), 40u);
  b.add({.type = NodeType::dirent, .offset = 0, .totlen = 45, .name = "abcde"});
  EXPECT_EQ(b.size(), 40u + summary_entry_size(NodeType::dirent, 5));
  EXPECT_EQ(b.finish(100, b.size(), 0).size(), b.size());
}

}  // namespace
}  // namespace quire::jffs2
