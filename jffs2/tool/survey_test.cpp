#include "jffs2/tool/survey.h"

#include <gtest/gtest.h>

#include "jffs2/tool/printable.h"
#include "jffs2/tool/tree.h"

namespace quire::jffs2 {
namespace {

// A block with a cleanmarker and a few names of files that are `salt` apart from other systems'.
std::vector<u8> block(ByteOrder order, u32 salt, u32 size = 8192) {
  std::vector<u8> bytes;
  encode_cleanmarker(bytes, order);
  for (u32 i = 0; i < 4; i++) {
    std::string name = "file" + std::to_string(salt + i);
    encode_dirent(
        bytes,
        {.pino = kRootIno, .version = Version(i + 1), .ino = Ino(2 + i), .type = FileType::reg, .name = name},
        order);
    pad_to_4(bytes);
    InodeNode inode;
    inode.ino = Ino(2 + i);
    inode.version = Version(1);
    inode.mode = 0100644;
    inode.isize = inode.dsize = 4;
    std::vector<u8> data{'a', 'b', 'c', static_cast<u8>(salt)};
    encode_inode(bytes, inode, data, order);
    pad_to_4(bytes);
  }
  bytes.resize(size, 0xFF);
  return bytes;
}

std::vector<u8> joined(std::initializer_list<std::vector<u8>> parts) {
  std::vector<u8> all;
  for (const auto& p : parts) all.insert(all.end(), p.begin(), p.end());
  return all;
}

TEST(Survey, FindsEitherByteOrderAtAnyOffset) {
  for (ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    for (std::size_t offset : {0u, 1u, 2u, 3u, 5000u}) {
      auto bytes = joined({std::vector<u8>(offset, 0x42), block(order, 0)});
      Survey found = survey(bytes, {});
      ASSERT_EQ(1u, found.systems.size());
      EXPECT_EQ(order, found.systems[0].order);
      EXPECT_EQ(offset, found.systems[0].begin);
      EXPECT_EQ(9u, found.systems[0].nodes.size());
    }
  }
}

TEST(Survey, TellsContradictingSystemsApart) {
  std::vector<u8> a = block(ByteOrder::little, 0, 65536), b = block(ByteOrder::little, 100, 65536);
  EXPECT_EQ(2u, survey(joined({a, b}), {}).systems.size());
  // The same nodes twice contradict nothing: garbage collection copies them.
  EXPECT_EQ(1u, survey(joined({a, a}), {}).systems.size());
}

TEST(Survey, WhatFollowsAnEndMarkerIsLeftOver) {
  std::vector<u8> a = block(ByteOrder::little, 0, 65536), b = block(ByteOrder::little, 100, 65536);
  Survey found = survey(joined({a, {0xDE, 0xAD, 0xC0, 0xDE}, std::vector<u8>(65532, 0xFF), b}), {});
  ASSERT_EQ(2u, found.systems.size());
  EXPECT_FALSE(found.systems[0].leftover);
  EXPECT_TRUE(found.systems[1].leftover);
}

TEST(Survey, TakesLengthsForWhatTheyAre) {
  // A header with a right CRC and a length up to the last byte of the address space.
  for (u32 length : {0u, 11u, 0x7FFFFFFFu, 0xFFFFFFFCu, 0xFFFFFFFFu}) {
    std::vector<u8> bytes;
    encode_header(bytes, NodeType::inode, length, ByteOrder::little);
    auto after = block(ByteOrder::little, 0);
    bytes.insert(bytes.end(), after.begin(), after.end());
    Survey found = survey(bytes, {});
    ASSERT_EQ(1u, found.systems.size()) << length;
    EXPECT_LE(9u, found.systems[0].nodes.size());
  }
}

TEST(Survey, SpareBytesAreTakenOut) {
  std::vector<u8> file{1, 2, 3, 4, 9, 5, 6, 7, 8, 9, 1, 2};
  EXPECT_EQ((std::vector<u8>{1, 2, 3, 4, 5, 6, 7, 8, 1, 2}), without_spare(file, {.page = 4, .spare = 1}));
}

TEST(Tree, NewestNameWinsAndRemovedNamesAreGone) {
  std::vector<u8> bytes;
  auto name = [&](u32 version, Ino ino, std::string_view text) {
    encode_dirent(
        bytes,
        {.pino = kRootIno, .version = Version(version), .ino = ino, .type = FileType::reg, .name = text},
        ByteOrder::little);
    pad_to_4(bytes);
  };
  for (u32 i = 2; i < 5; i++) {
    InodeNode inode;
    inode.ino = Ino(i);
    inode.version = Version(1);
    inode.mode = 0100644;
    encode_inode(bytes, inode, {}, ByteOrder::little);
  }
  name(3, Ino(3), "a");
  name(2, Ino(2), "a");
  name(4, Ino(4), "gone");
  name(5, kNoIno, "gone");
  auto nodes = find_nodes(bytes);
  Tree tree(bytes, nodes, ByteOrder::little);
  ASSERT_EQ(1u, tree.root().children.size());
  EXPECT_EQ(Ino(3), tree.root().children[0].ino);
  EXPECT_EQ((std::vector<Ino>{Ino(2), Ino(4)}), tree.orphans());
}

TEST(Tree, LaterVersionsCoverEarlierOnes) {
  std::vector<u8> bytes;
  auto write = [&](u32 version, u32 offset, std::string_view text) {
    InodeNode inode;
    inode.ino = Ino(2);
    inode.version = Version(version);
    inode.mode = 0100644;
    inode.isize = 12;
    inode.offset = offset;
    inode.dsize = static_cast<u32>(text.size());
    encode_inode(bytes, inode, {reinterpret_cast<const u8*>(text.data()), text.size()}, ByteOrder::little);
    pad_to_4(bytes);
  };
  write(3, 2, "XX");
  write(1, 0, "aaaaaa");
  write(2, 4, "bbbb");
  auto nodes = find_nodes(bytes);
  Tree tree(bytes, nodes, ByteOrder::little);
  const TreeInode* inode = tree.find(Ino(2));
  ASSERT_NE(nullptr, inode);
  std::string content(12, '.');
  for (const Extent& e : tree.extents(*inode)) {
    auto data = tree.node_data(e.node);
    ASSERT_TRUE(data);
    for (u64 i = e.begin; i < e.end; i++) content[i] = static_cast<char>((*data)[i - e.node_begin]);
  }
  EXPECT_EQ("aaXXbbbb....", content);
}

TEST(Printable, LetsNoControlBytesThrough) {
  EXPECT_EQ("plain", printable("plain"));
  EXPECT_EQ("ü日", printable("ü日"));
  EXPECT_EQ("\\x1b[31m", printable("\x1b[31m"));
  EXPECT_EQ("\\xc2\\x9b", printable("\xc2\x9b"));
  EXPECT_EQ("\\xff\\\\", printable("\xff\\"));
  EXPECT_EQ("\\xe6\\x97", printable("\xe6\x97"));
}

}  // namespace
}  // namespace quire::jffs2
