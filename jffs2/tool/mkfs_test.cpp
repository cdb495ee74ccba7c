#include "jffs2/tool/mkfs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>

#include "jffs2/codec/summary.h"
#include "jffs2/tool/checker.h"
#include "jffs2/tool/survey.h"
#include "jffs2/tool/tree.h"

namespace quire::jffs2 {
namespace {

class Bytes final : public SourceContent {
 public:
  explicit Bytes(std::vector<u8> bytes) : bytes_(std::move(bytes)) {}
  u64 size() const override { return bytes_.size(); }
  Result<> read(u64 offset, char* out, std::size_t n) const override {
    if (failing_) return err(EIO);
    std::memcpy(out, bytes_.data() + offset, n);
    return {};
  }
  void fail() { failing_ = true; }

 private:
  std::vector<u8> bytes_;
  bool failing_ = false;
};

SourceInode file(std::vector<u8> bytes) {
  SourceInode inode;
  inode.mode = S_IFREG | 0644;
  inode.content = std::make_shared<Bytes>(std::move(bytes));
  return inode;
}

std::vector<u8> noise(std::size_t n) {
  std::vector<u8> bytes(n);
  u32 x = 1;
  for (u8& b : bytes) b = static_cast<u8>((x = x * 1664525 + 1013904223) >> 24);
  return bytes;
}

Outcome<std::vector<u8>> image_of(const SourceTree& tree, const MkfsOptions& options) {
  std::vector<u8> image;
  CHECK(make_image(
      tree, options,
      [&](std::span<const u8> piece) -> Status {
        image.insert(image.end(), piece.begin(), piece.end());
        return {};
      },
      [](u64) {}));
  return image;
}

TEST(Mkfs, NodesNeverCrossBlocksAndBlocksHaveSummaries) {
  SourceTree tree;
  for (int i = 0; i < 20; i++) ASSERT_TRUE(tree.put("f" + std::to_string(i), file(noise(7000))));
  for (u32 erase : {8192u, 16384u, 65536u}) {
    MkfsOptions options;
    options.erase_size = erase;
    options.pad_to = 0;
    auto image = image_of(tree, options);
    ASSERT_TRUE(image);
    EXPECT_EQ(0u, image->size() % erase);
    for (std::size_t at = 0; at < image->size(); at += erase)
      EXPECT_TRUE(decode_summary(std::span(*image).subspan(at, erase), options.order)) << at;
    Survey found = survey(*image, {});
    ASSERT_EQ(1u, found.systems.size());
    EXPECT_EQ(erase, found.systems[0].erase_size);
    Tree seen(*image, found.systems[0].nodes, options.order);
    EXPECT_TRUE(find_problems(seen, found.systems[0]).empty());
    EXPECT_EQ(21u, seen.size());
  }
}

TEST(Mkfs, NeighbouringHolesAreOneNode) {
  SourceTree tree;
  std::vector<u8> bytes(200'000, 0);
  bytes.back() = 1;
  ASSERT_TRUE(tree.put("f", file(bytes)));
  auto image = image_of(tree, {});
  ASSERT_TRUE(image);
  Survey found = survey(*image, {});
  Tree seen(*image, found.systems.at(0).nodes, ByteOrder::little);
  const TreeInode* inode = seen.find(Ino(2));
  ASSERT_NE(nullptr, inode);
  EXPECT_EQ(2u, inode->nodes.size());
  EXPECT_EQ(1u, seen.extents(*inode).size());
}

TEST(Mkfs, AFileThatCannotBeReadFailsTheImage) {
  auto content = std::make_shared<Bytes>(noise(10'000));
  content->fail();
  SourceInode inode;
  inode.mode = S_IFREG | 0644;
  inode.content = content;
  SourceTree tree;
  ASSERT_TRUE(tree.put("f", std::move(inode)));
  EXPECT_FALSE(image_of(tree, {}));
}

TEST(Mkfs, AFailingWriterStopsIt) {
  SourceTree tree;
  for (int i = 0; i < 200; i++) ASSERT_TRUE(tree.put("f" + std::to_string(i), file(noise(50'000))));
  int calls = 0;
  auto made = make_image(
      tree, {}, [&](std::span<const u8>) -> Status { return ++calls == 2 ? Status(fail("full")) : Status(); },
      [](u64) {});
  ASSERT_FALSE(made);
  EXPECT_EQ("full", made.error().message);
  EXPECT_EQ(2, calls);
}

TEST(Mkfs, RefusesImpossibleOptions) {
  SourceTree tree;
  MkfsOptions small, tiny, marker;
  small.erase_size = 4096;
  tiny.page_size = 1;
  marker.cleanmarker = 8;
  EXPECT_FALSE(image_of(tree, small));
  EXPECT_FALSE(image_of(tree, tiny));
  EXPECT_FALSE(image_of(tree, marker));
}

TEST(Source, PathsStayInside) {
  SourceTree tree;
  EXPECT_FALSE(tree.put("../x", file({})));
  EXPECT_FALSE(tree.put("a/../../x", file({})));
  EXPECT_FALSE(tree.put(std::string(255, 'n'), file({})));
  EXPECT_TRUE(tree.put("/a//b/./c", file({})));
  EXPECT_TRUE(tree.find("a/b/c"));
  EXPECT_FALSE(tree.put("a/b/c/d", file({})));
  EXPECT_TRUE(tree.link("a/b/c", "l"));
  EXPECT_EQ(*tree.find("l"), *tree.find("a/b/c"));
  EXPECT_FALSE(tree.link("a", "m"));
  EXPECT_FALSE(tree.link("absent", "m"));
}

}  // namespace
}  // namespace quire::jffs2
