#include "jffs2/codec/acl.h"

#include <gtest/gtest.h>

namespace quire::jffs2 {
namespace {

const std::vector<u8> kXattr{2,    0,    0,    0,    1,    0, 6, 0, 0xFF, 0xFF, 0xFF, 0xFF,
                             2,    0,    4,    0,    0xE8, 3, 0, 0, 4,    0,    4,    0,
                             0xFF, 0xFF, 0xFF, 0xFF, 0x10, 0, 6, 0, 0xFF, 0xFF, 0xFF, 0xFF};

TEST(Acl, ThereAndBackInBothOrders) {
  for (ByteOrder order : {std::endian::little, std::endian::big}) {
    auto flash = acl_from_xattr(kXattr, order);
    ASSERT_TRUE(flash);
    // Version, three entries without and one with an id.
    EXPECT_EQ(flash->size(), 4u + 3 * 4 + 8);
    auto back = acl_to_xattr(*flash, order);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, kXattr);
    for (std::size_t n = 0; n < flash->size(); n++) {
      auto cut = acl_to_xattr(std::span(*flash).first(n), order);
      EXPECT_TRUE(!cut || cut->size() < kXattr.size());
    }
  }
}

TEST(Acl, MalformedIsRefused) {
  EXPECT_FALSE(acl_from_xattr(std::span(kXattr).first(11), std::endian::little));
  auto bad_version = kXattr;
  bad_version[0] = 3;
  EXPECT_FALSE(acl_from_xattr(bad_version, std::endian::little));
  auto bad_tag = kXattr;
  bad_tag[4] = 3;
  EXPECT_FALSE(acl_from_xattr(bad_tag, std::endian::little));
}

}  // namespace
}  // namespace quire::jffs2
