#include "jffs2/codec/node.h"

#include <gtest/gtest.h>

#include "base/byte_order.h"
#include "jffs2/codec/crc.h"

namespace quire::jffs2 {
namespace {

class NodeTest : public testing::TestWithParam<ByteOrder> {
 protected:
  ByteOrder order_ = GetParam();

  /// Every single-bit fault in `bytes` must make `decode` refuse, but for the obsolete mark.
  template <typename Decode>
  void expect_faults_found(std::vector<u8> bytes, Decode decode) {
    for (std::size_t bit = 0; bit < bytes.size() * 8; bit++) {
      bytes[bit / 8] ^= static_cast<u8>(1u << bit % 8);
      EXPECT_FALSE(decode(bytes)) << "bit " << bit;
      bytes[bit / 8] ^= static_cast<u8>(1u << bit % 8);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(BothOrders, NodeTest, testing::Values(std::endian::little, std::endian::big));

TEST(Crc, IsTheBareRegister) {
  // "123456789" has the usual CRC-32 CBF43926 with inversions; without them it is 2DFD2D88.
  const u8 digits[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  EXPECT_EQ(crc32(digits), 0x2DFD2D88u);
  EXPECT_EQ(crc32(std::span(digits).subspan(4), crc32(std::span(digits).first(4))), 0x2DFD2D88u);
  EXPECT_EQ(crc32({}), 0u);
}

TEST(Cleanmarker, HasTheKnownBytes) {
  std::vector<u8> out;
  encode_cleanmarker(out, std::endian::little);
  const std::vector<u8> known{0x85, 0x19, 0x03, 0x20, 0x0c, 0, 0, 0, 0xb1, 0xb0, 0x1e, 0xe4};
  EXPECT_EQ(out, known);
  EXPECT_EQ(encode_oob_cleanmarker(std::endian::little), (std::vector<u8>{0x85, 0x19, 3, 0x20, 8, 0, 0, 0}));
  EXPECT_TRUE(is_oob_cleanmarker(encode_oob_cleanmarker(std::endian::big), std::endian::big));
  EXPECT_FALSE(is_oob_cleanmarker(encode_oob_cleanmarker(std::endian::big), std::endian::little));
}

TEST_P(NodeTest, DirentThereAndBack) {
  DirentNode n{.pino = Ino(7),
               .version = Version(9),
               .ino = Ino(11),
               .mctime = 0x5000,
               .type = FileType::reg,
               .name = "a name"};
  std::vector<u8> bytes;
  encode_dirent(bytes, n, order_);
  ASSERT_EQ(bytes.size(), 46u);
  EXPECT_EQ(bytes[0], order_ == std::endian::little ? 0x85 : 0x19);
  auto got = decode_dirent(bytes, order_);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->pino, n.pino);
  EXPECT_EQ(got->version, n.version);
  EXPECT_EQ(got->ino, n.ino);
  EXPECT_EQ(got->mctime, n.mctime);
  EXPECT_EQ(got->type, n.type);
  EXPECT_EQ(got->name, n.name);
  EXPECT_FALSE(decode_dirent(std::span(bytes).first(45), order_));
  expect_faults_found(bytes, [&](std::span<const u8> b) { return decode_dirent(b, order_).has_value(); });
}

TEST_P(NodeTest, InodeThereAndBack) {
  InodeNode n{.ino = Ino(3),
              .version = Version(4),
              .mode = 0100644,
              .uid = 5,
              .gid = 6,
              .isize = 70000,
              .atime = 1,
              .mtime = 2,
              .ctime = 3,
              .offset = 4096,
              .dsize = 100,
              .compression = Compression::zlib};
  std::vector<u8> data{9, 8, 7, 6, 5}, bytes;
  encode_inode(bytes, n, data, order_);
  ASSERT_EQ(bytes.size(), 73u);
  auto got = decode_inode(std::span(bytes).first(68), order_);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->ino, n.ino);
  EXPECT_EQ(got->version, n.version);
  EXPECT_EQ(got->mode, n.mode);
  EXPECT_EQ(got->uid, 5);
  EXPECT_EQ(got->gid, 6);
  EXPECT_EQ(got->isize, 70000u);
  EXPECT_EQ(got->offset, 4096u);
  EXPECT_EQ(got->csize, 5u);
  EXPECT_EQ(got->dsize, 100u);
  EXPECT_EQ(got->compression, Compression::zlib);
  EXPECT_EQ(got->data_crc, crc32(data));
  // The data CRC field is the caller's to check, and lies outside the node CRC.
  std::vector<u8> fixed(bytes.begin(), bytes.begin() + 60);
  for (std::size_t bit = 0; bit < 480; bit++) {
    bytes[bit / 8] ^= static_cast<u8>(1u << bit % 8);
    EXPECT_FALSE(decode_inode(bytes, order_)) << bit;
    bytes[bit / 8] ^= static_cast<u8>(1u << bit % 8);
  }
}

TEST_P(NodeTest, ObsoleteMarkKeepsTheCrc) {
  std::vector<u8> bytes;
  encode_inode(bytes, InodeNode{.ino = Ino(3)}, {}, order_);
  u16 type = load<u16>(bytes.data() + 2, order_);
  store(bytes.data() + 2, static_cast<u16>(type & ~kAccurateBit), order_);
  auto h = decode_header(bytes, order_);
  ASSERT_TRUE(h);
  EXPECT_TRUE(h->obsolete);
  EXPECT_EQ(h->type, 0xE002);
  EXPECT_FALSE(decode_inode(bytes, order_));
}

TEST_P(NodeTest, XattrAndXref) {
  std::vector<u8> value{1, 2, 3, 4, 5, 6}, bytes;
  encode_xattr(bytes,
               {.xid = Xid(2),
                .version = Version(3),
                .prefix = XattrPrefix::trusted,
                .name = "colour",
                .value = value},
               order_);
  EXPECT_EQ(bytes.size() % 4, 0u);
  auto got = decode_xattr(bytes, order_);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->xid, Xid(2));
  EXPECT_EQ(got->prefix, XattrPrefix::trusted);
  EXPECT_EQ(got->name, "colour");
  EXPECT_TRUE(std::ranges::equal(got->value, value));
  bytes[kXattrSize] ^= 1;
  EXPECT_FALSE(decode_xattr(bytes, order_));

  bytes.clear();
  encode_xref(bytes, {.ino = Ino(4), .xid = Xid(2), .seqno = 6}, order_);
  ASSERT_EQ(bytes.size(), kXrefSize);
  auto ref = decode_xref(bytes, order_);
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->ino, Ino(4));
  EXPECT_EQ(ref->seqno, 6u);
  expect_faults_found(bytes, [&](std::span<const u8> b) { return decode_xref(b, order_).has_value(); });
}

TEST_P(NodeTest, PaddingIsANodeOrZeros) {
  std::vector<u8> bytes;
  encode_padding(bytes, 100, order_);
  ASSERT_EQ(bytes.size(), 100u);
  auto h = decode_header(bytes, order_);
  ASSERT_TRUE(h);
  EXPECT_EQ(h->type, 0x2004);
  EXPECT_EQ(h->totlen, 100u);
  bytes.clear();
  encode_padding(bytes, 8, order_);
  EXPECT_EQ(bytes, std::vector<u8>(8));
}

TEST(Node, TypesOfModes) {
  EXPECT_EQ(file_type_of_mode(0040755), FileType::dir);
  EXPECT_EQ(file_type_of_mode(0120777), FileType::lnk);
  EXPECT_EQ(compat_of(0xE0FF), Compat::incompatible);
  EXPECT_EQ(compat_of(0x20FF), Compat::rw_delete);
}

}  // namespace
}  // namespace quire::jffs2
