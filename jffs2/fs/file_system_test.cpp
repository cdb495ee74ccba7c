// The operations of a mounted file system, on NOR and NAND, in both byte orders, each checked again
// after a remount.
#include "jffs2/fs/file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <random>
#include <thread>

#include "jffs2/flash/ram_device.h"
#include "jffs2/fs/erase_size.h"

namespace quire::jffs2 {
namespace {

struct Chip {
  const char* name;
  Geometry geometry;
  ByteOrder order;
};

const Chip kChips[] = {
    {"NorLittle", {.erase_size = 16384, .block_count = 64}, std::endian::little},
    {"NorBig", {.erase_size = 65536, .block_count = 16}, std::endian::big},
    {"NandLittle",
     {.erase_size = 16384,
      .block_count = 64,
      .page_size = 512,
      .oob_size = 16,
      .oob_free_offset = 2,
      .oob_free_size = 14},
     std::endian::little},
    {"NandBig",
     {.erase_size = 131072,
      .block_count = 16,
      .page_size = 2048,
      .oob_size = 64,
      .oob_free_offset = 2,
      .oob_free_size = 62},
     std::endian::big},
};

std::vector<u8> bytes_of(std::string_view s) { return {s.begin(), s.end()}; }

std::vector<u8> noise(std::size_t n, u32 seed) {
  std::mt19937 rng(seed);
  std::vector<u8> out(n);
  for (u8& b : out) b = static_cast<u8>(rng());
  return out;
}

class FileSystemTest : public testing::TestWithParam<Chip> {
 protected:
  FileSystemTest() : device_(std::make_unique<RamDevice>(GetParam().geometry)) {
    EXPECT_TRUE(FileSystem::format(*device_, GetParam().order));
    mount();
  }
  ~FileSystemTest() override { EXPECT_EQ(device_->violations(), 0u) << device_->last_violation(); }

  void mount(bool read_only = false) {
    MountOptions o{.read_only = read_only, .background_gc = false, .clock = [this] { return ++time_; }};
    auto r = FileSystem::mount(*device_, o);
    ASSERT_TRUE(r) << r.error().name();
    fs_ = std::move(*r);
    ASSERT_EQ(fs_->order(), GetParam().order);
  }
  /// Unmounts (or only forgets the file system, as a crash would) and mounts again; it must be sound.
  void remount(bool clean = true) {
    ASSERT_TRUE(clean ? fs_->unmount() : fs_->sync());
    fs_.reset();
    mount();
    expect_sound();
  }
  void expect_sound() {
    auto findings = fs_->check();
    if (!findings) return;  // unmounted
    for (const Finding& f : *findings) ADD_FAILURE() << f.text;
  }
  std::vector<u8> content(Ino ino) {
    auto a = fs_->getattr(ino);
    EXPECT_TRUE(a);
    if (!a) return {};
    std::vector<u8> out(a->size + 10);
    auto n = fs_->read(ino, 0, out);
    EXPECT_TRUE(n);
    out.resize(n.value_or(0));
    return out;
  }
  std::vector<std::string> names(Ino dir) {
    std::vector<std::string> out;
    auto entries = fs_->readdir(dir, 0, 1000000);
    EXPECT_TRUE(entries);
    for (const auto& e : *entries) out.push_back(e.name);
    std::ranges::sort(out);
    return out;
  }

  std::unique_ptr<RamDevice> device_;
  u32 time_ = 1000;
  std::unique_ptr<FileSystem> fs_;
};

INSTANTIATE_TEST_SUITE_P(Chips, FileSystemTest, testing::ValuesIn(kChips),
                         [](const auto& chip) { return chip.param.name; });

TEST_P(FileSystemTest, FilesAndDirectories) {
  Ino d = *fs_->mkdir(kRootIno, "dir", {.mode = 0755, .uid = 1, .gid = 2});
  Ino f = *fs_->create(d, "file", {.mode = 0640, .uid = 3, .gid = 4});
  auto text = bytes_of("hello, flash");
  ASSERT_EQ(*fs_->write(f, 0, text), text.size());
  EXPECT_EQ(content(f), text);
  EXPECT_EQ(fs_->create(d, "file", {}).error(), Errno(EEXIST));
  EXPECT_EQ(fs_->lookup(f, "x").error(), Errno(ENOTDIR));
  EXPECT_EQ(fs_->lookup(d, "x").error(), Errno(ENOENT));
  EXPECT_EQ(fs_->create(d, std::string(255, 'n'), {}).error(), Errno(ENAMETOOLONG));
  EXPECT_EQ(fs_->create(d, "a/b", {}).error(), Errno(EINVAL));
  EXPECT_EQ(fs_->unlink(kRootIno, "dir").error(), Errno(EPERM));
  EXPECT_EQ(fs_->rmdir(kRootIno, "dir").error(), Errno(ENOTEMPTY));
  remount();
  EXPECT_EQ(*fs_->lookup(kRootIno, "dir"), d);
  EXPECT_EQ(*fs_->lookup(d, "file"), f);
  EXPECT_EQ(content(f), text);
  Attr a = *fs_->getattr(f);
  EXPECT_EQ(a.mode, u32{S_IFREG | 0640});
  EXPECT_EQ(a.uid, 3u);
  EXPECT_EQ(a.gid, 4u);
  EXPECT_EQ(a.nlink, 1u);
  EXPECT_EQ(fs_->getattr(kRootIno)->nlink, 3u);
  EXPECT_EQ(*fs_->parent(d), kRootIno);
  ASSERT_TRUE(fs_->unlink(d, "file"));
  EXPECT_EQ(fs_->getattr(f).error(), Errno(ENOENT));
  ASSERT_TRUE(fs_->rmdir(kRootIno, "dir"));
  remount(false);
  EXPECT_TRUE(names(kRootIno).empty());
}

TEST_P(FileSystemTest, WritesOfAllShapes) {
  Ino f = *fs_->create(kRootIno, "f", {.mode = 0644});
  std::vector<u8> model;
  std::mt19937 rng(7);
  for (int round = 0; round < 150; round++) {
    u32 offset = static_cast<u32>(rng() % 60000);
    u32 size = static_cast<u32>(rng() % (rng() % 4 == 0 ? 20000 : 300));
    auto data = rng() % 2 == 0 ? noise(size, static_cast<u32>(rng()))
                               : std::vector<u8>(size, static_cast<u8>(rng() % 3));
    if (rng() % 10 == 0) {
      u32 to = static_cast<u32>(rng() % 70000);
      ASSERT_TRUE(fs_->setattr(f, {.size = to}));
      model.resize(to);
    }
    ASSERT_EQ(*fs_->write(f, offset, data), size);
    if (model.size() < offset + size && size != 0) model.resize(offset + size);
    std::ranges::copy(data, model.begin() + offset);
    if (round % 25 == 0) remount(round % 50 == 0);
    ASSERT_EQ(content(f), model) << round;
  }
  remount();
  EXPECT_EQ(content(f), model);
}

TEST_P(FileSystemTest, SmallAppendsEndUpAsPages) {
  Ino f = *fs_->create(kRootIno, "log", {.mode = 0644});
  std::vector<u8> model;
  for (int i = 0; i < 300; i++) {
    auto line = bytes_of("line " + std::to_string(i) + "\n");
    ASSERT_TRUE(fs_->write(f, model.size(), line));
    model.insert(model.end(), line.begin(), line.end());
  }
  EXPECT_EQ(content(f), model);
  remount();
  EXPECT_EQ(content(f), model);
}

TEST_P(FileSystemTest, HolesStayZeroOverOldData) {
  Ino f = *fs_->create(kRootIno, "f", {.mode = 0644});
  auto data = noise(20000, 1);
  ASSERT_TRUE(fs_->write(f, 0, data));
  ASSERT_TRUE(fs_->setattr(f, {.size = 5000}));
  ASSERT_TRUE(fs_->write(f, 15000, bytes_of("end")));
  auto want = data;
  want.resize(5000);
  want.resize(15000, 0);
  for (char c : std::string("end")) want.push_back(static_cast<u8>(c));
  EXPECT_EQ(content(f), want);
  remount(false);
  EXPECT_EQ(content(f), want);
  ASSERT_TRUE(fs_->setattr(f, {.size = u64{3} << 30}));
  remount();
  EXPECT_EQ(fs_->getattr(f)->size, u64{3} << 30);
  std::vector<u8> tail(5, 1);
  EXPECT_EQ(*fs_->read(f, (u64{3} << 30) - 3, tail), 3u);
  EXPECT_EQ(tail[0], 0);
  EXPECT_EQ(fs_->write(f, 0xFFFFFFFF, bytes_of("x")).error(), Errno(EFBIG));
}

TEST_P(FileSystemTest, LinksAndOpenFiles) {
  Ino f = *fs_->create(kRootIno, "a", {.mode = 0644});
  ASSERT_TRUE(fs_->write(f, 0, bytes_of("data")));
  ASSERT_TRUE(fs_->link(f, kRootIno, "b"));
  EXPECT_EQ(fs_->getattr(f)->nlink, 2u);
  ASSERT_TRUE(fs_->unlink(kRootIno, "a"));
  remount();
  EXPECT_EQ(fs_->getattr(f)->nlink, 1u);
  ASSERT_TRUE(fs_->open(f));
  ASSERT_TRUE(fs_->unlink(kRootIno, "b"));
  EXPECT_EQ(fs_->getattr(f)->nlink, 0u);
  ASSERT_TRUE(fs_->write(f, 4, bytes_of(" more")));
  ASSERT_TRUE(fs_->gc_all());
  EXPECT_EQ(content(f), bytes_of("data more"));
  fs_->close(f);
  EXPECT_EQ(fs_->getattr(f).error(), Errno(ENOENT));
  Ino d = *fs_->mkdir(kRootIno, "d", {.mode = 0755});
  EXPECT_EQ(fs_->link(d, kRootIno, "e").error(), Errno(EPERM));
  remount(false);
}

TEST_P(FileSystemTest, Renames) {
  Ino a = *fs_->mkdir(kRootIno, "a", {.mode = 0755});
  Ino b = *fs_->mkdir(kRootIno, "b", {.mode = 0755});
  Ino f = *fs_->create(a, "f", {.mode = 0644});
  Ino g = *fs_->create(b, "g", {.mode = 0644});
  ASSERT_TRUE(fs_->rename(a, "f", b, "f"));
  EXPECT_EQ(*fs_->lookup(b, "f"), f);
  EXPECT_EQ(fs_->rename(b, "f", b, "g", RENAME_NOREPLACE).error(), Errno(EEXIST));
  EXPECT_EQ(fs_->rename(b, "f", b, "g", RENAME_EXCHANGE).error(), Errno(EINVAL));
  ASSERT_TRUE(fs_->rename(b, "f", b, "g"));
  EXPECT_EQ(fs_->getattr(g).error(), Errno(ENOENT));
  EXPECT_EQ(*fs_->lookup(b, "g"), f);
  ASSERT_TRUE(fs_->rename(kRootIno, "a", b, "below"));
  EXPECT_EQ(*fs_->parent(a), b);
  EXPECT_EQ(fs_->rename(kRootIno, "b", a, "loop").error(), Errno(EINVAL));
  EXPECT_EQ(fs_->rename(b, "below", b, "g").error(), Errno(ENOTDIR));
  EXPECT_EQ(fs_->rename(b, "g", b, "below").error(), Errno(EISDIR));
  EXPECT_EQ(fs_->getattr(b)->nlink, 3u);
  EXPECT_EQ(fs_->getattr(kRootIno)->nlink, 3u);
  remount();
  EXPECT_EQ(names(kRootIno), std::vector<std::string>{"b"});
  EXPECT_EQ(names(b), (std::vector<std::string>{"below", "g"}));
}

TEST_P(FileSystemTest, SpecialInodes) {
  Ino l = *fs_->symlink(kRootIno, "l", "target/of/link", {});
  Ino c = *fs_->mknod(kRootIno, "c", {.mode = S_IFCHR | 0600}, 5, 1);
  Ino b = *fs_->mknod(kRootIno, "b", {.mode = S_IFBLK | 0600}, 259, 70000);
  Ino p = *fs_->mknod(kRootIno, "p", {.mode = S_IFIFO | 0600}, 0, 0);
  EXPECT_EQ(fs_->symlink(kRootIno, "x", std::string(255, 'x'), {}).error(), Errno(ENAMETOOLONG));
  ASSERT_TRUE(fs_->setattr(l, {.uid = 9}));
  ASSERT_TRUE(fs_->setattr(b, {.mode = 0666}));
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(*fs_->readlink(l), "target/of/link");
    EXPECT_EQ(fs_->getattr(l)->size, 14u);
    EXPECT_EQ(fs_->getattr(l)->uid, 9u);
    EXPECT_EQ(fs_->getattr(c)->rdev_major, 5u);
    EXPECT_EQ(fs_->getattr(c)->rdev_minor, 1u);
    EXPECT_EQ(fs_->getattr(b)->rdev_major, 259u);
    EXPECT_EQ(fs_->getattr(b)->rdev_minor, 70000u);
    EXPECT_EQ(fs_->getattr(b)->mode, u32{S_IFBLK | 0666});
    EXPECT_EQ(fs_->getattr(p)->mode, u32{S_IFIFO | 0600});
    std::vector<u8> buffer(4);
    EXPECT_EQ(fs_->read(p, 0, buffer).error(), Errno(EINVAL));
    remount();
  }
}

TEST_P(FileSystemTest, ExtendedAttributes) {
  Ino f = *fs_->create(kRootIno, "f", {.mode = 0644});
  auto one = bytes_of("one"), two = bytes_of("two");
  ASSERT_TRUE(fs_->setxattr(f, "user.colour", one));
  EXPECT_EQ(fs_->setxattr(f, "user.colour", one, XATTR_CREATE).error(), Errno(EEXIST));
  EXPECT_EQ(fs_->setxattr(f, "user.shape", one, XATTR_REPLACE).error(), Errno(ENODATA));
  EXPECT_EQ(fs_->setxattr(f, "system.other", one).error(), Errno(ENOTSUP));
  ASSERT_TRUE(fs_->setxattr(f, "user.colour", two));
  ASSERT_TRUE(fs_->setxattr(f, "trusted.t", one));
  const std::vector<u8> acl{2, 0, 0,    0,    1,    0,    6,  0, 0xFF, 0xFF, 0xFF, 0xFF, 4,    0,
                            4, 0, 0xFF, 0xFF, 0xFF, 0xFF, 32, 0, 4,    0,    0xFF, 0xFF, 0xFF, 0xFF};
  ASSERT_TRUE(fs_->setxattr(f, "system.posix_acl_access", acl));
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(*fs_->getxattr(f, "user.colour"), two);
    EXPECT_EQ(*fs_->getxattr(f, "trusted.t"), one);
    EXPECT_EQ(*fs_->getxattr(f, "system.posix_acl_access"), acl);
    EXPECT_EQ(fs_->listxattr(f)->size(), 3u);
    if (i == 1) {
      ASSERT_TRUE(fs_->gc_all());
    }
    remount(i == 0);
  }
  ASSERT_TRUE(fs_->removexattr(f, "user.colour"));
  EXPECT_EQ(fs_->removexattr(f, "user.colour").error(), Errno(ENODATA));
  remount(false);
  EXPECT_EQ(fs_->getxattr(f, "user.colour").error(), Errno(ENODATA));
  ASSERT_TRUE(fs_->unlink(kRootIno, "f"));
  remount();
}

TEST_P(FileSystemTest, OverwritingForLongCollectsGarbageAndSharesTheWear) {
  const u64 size = GetParam().geometry.size();
  Ino cold = *fs_->create(kRootIno, "cold", {.mode = 0644});
  auto still = noise(size / 4, 5);
  ASSERT_TRUE(fs_->write(cold, 0, still));
  Ino hot = *fs_->create(kRootIno, "hot", {.mode = 0644});
  std::vector<u8> model(size / 4);
  std::mt19937 rng(9);
  u64 written = 0;
  while (written < 30 * size) {
    u32 at = static_cast<u32>(rng() % (model.size() / 4096) * 4096);
    auto page = noise(4096, static_cast<u32>(rng()));
    ASSERT_TRUE(fs_->write(hot, at, page)) << written;
    std::ranges::copy(page, model.begin() + at);
    written += 4096;
  }
  u32 least = ~0u, most = 0;
  for (u32 b = 0; b < GetParam().geometry.block_count; b++) {
    least = std::min(least, device_->erase_count(BlockIndex(b)));
    most = std::max(most, device_->erase_count(BlockIndex(b)));
  }
  EXPECT_LT(most, least + 40) << "least worn " << least;
  remount();
  auto got = content(hot);
  model.resize(got.size());
  EXPECT_EQ(got, model);
  EXPECT_EQ(content(cold), still);
}

TEST_P(FileSystemTest, FullChipStillDeletes) {
  Ino d = *fs_->mkdir(kRootIno, "d", {.mode = 0755});
  u32 files = 0;
  std::vector<Ino> made;
  for (;; files++) {
    auto f = fs_->create(d, "file" + std::to_string(files), {.mode = 0644});
    if (!f) {
      EXPECT_EQ(f.error(), Errno(ENOSPC));
      break;
    }
    auto w = fs_->write(*f, 0, noise(3000, files));
    if (!w) {
      EXPECT_EQ(w.error(), Errno(ENOSPC));
      files++;
      break;
    }
  }
  // Most of the chip is in use.
  EXPECT_GT(files * u64{3000}, GetParam().geometry.size() / 2);
  remount(false);
  for (u32 i = 0; i < files; i++) ASSERT_TRUE(fs_->unlink(d, "file" + std::to_string(i))) << i;
  remount();
  ASSERT_TRUE(fs_->gc_all());
  Ino again = *fs_->create(d, "again", {.mode = 0644});
  auto big = noise(GetParam().geometry.size() / 2, 3);
  EXPECT_TRUE(fs_->write(again, 0, big));
  remount();
  EXPECT_EQ(content(again), big);
}

TEST_P(FileSystemTest, RemovedNamesStayRemovedThroughCollection) {
  for (int round = 0; round < 6; round++) {
    for (int i = 0; i < 40; i++) {
      std::string name = "n" + std::to_string(i);
      ASSERT_TRUE(fs_->create(kRootIno, name, {.mode = 0644}));
      ASSERT_TRUE(fs_->write(*fs_->lookup(kRootIno, name), 0, noise(500, static_cast<u32>(i))));
    }
    for (int i = 0; i < 40; i++) ASSERT_TRUE(fs_->unlink(kRootIno, "n" + std::to_string(i)));
    for (int i = 0; i < 60; i++) ASSERT_TRUE(fs_->gc_step());
    remount(round % 2 == 0);
    ASSERT_TRUE(names(kRootIno).empty()) << names(kRootIno)[0];
  }
}

TEST_P(FileSystemTest, ReadOnlyRefusesAndChangesNothing) {
  Ino f = *fs_->create(kRootIno, "f", {.mode = 0644});
  ASSERT_TRUE(fs_->write(f, 0, bytes_of("x")));
  ASSERT_TRUE(fs_->unmount());
  fs_.reset();
  u64 operations = device_->operations();
  mount(true);
  EXPECT_EQ(fs_->create(kRootIno, "g", {}).error(), Errno(EROFS));
  EXPECT_EQ(fs_->unlink(kRootIno, "f").error(), Errno(EROFS));
  EXPECT_EQ(fs_->setattr(f, {.mode = 0}).error(), Errno(EROFS));
  EXPECT_EQ(content(f), bytes_of("x"));
  ASSERT_TRUE(fs_->unmount());
  EXPECT_EQ(device_->operations(), operations);
}

TEST_P(FileSystemTest, SummariesAndFullScansAgree) {
  for (int i = 0; i < 200; i++) {
    auto f = fs_->create(kRootIno, "f" + std::to_string(i), {.mode = 0644});
    ASSERT_TRUE(f);
    ASSERT_TRUE(fs_->write(*f, 0, noise(1000, static_cast<u32>(i))));
    if (i % 3 == 0) {
      ASSERT_TRUE(fs_->unlink(kRootIno, "f" + std::to_string(i)));
    }
  }
  ASSERT_TRUE(fs_->unmount());
  fs_.reset();
  auto image_of = [&](bool ignore, unsigned threads) {
    auto fs =
        FileSystem::mount(*device_, {.read_only = true, .scan_threads = threads, .ignore_summaries = ignore});
    EXPECT_TRUE(fs);
    EXPECT_TRUE((*fs)->check());
    auto s = (*fs)->statistics();
    EXPECT_EQ(s.summaries_used == 0, ignore);
    std::vector<u32> out;
    for (const auto& b : s.blocks) out.insert(out.end(), {b.used, b.unchecked, b.dirty + b.wasted, b.free});
    return out;
  };
  auto want = image_of(false, 1);
  EXPECT_EQ(want, image_of(false, 4));
  EXPECT_EQ(want, image_of(true, 1));
  mount();
}

TEST(EraseSize, IsToldByCleanmarkersAndSummaries) {
  for (ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    for (u32 size : {8192u, 65536u, 262144u}) {
      RamDevice chip({.erase_size = size, .block_count = 8});
      RamDevice looked_at({.erase_size = 4096, .block_count = 8 * size / 4096});
      EXPECT_EQ(detect_erase_size(looked_at), std::nullopt);
      ASSERT_TRUE(FileSystem::format(chip, order));
      looked_at.load(chip.image());
      EXPECT_EQ(detect_erase_size(looked_at), size);
    }
  }
}

TEST(EraseSize, IsTheCommonestDistance) {
  EXPECT_EQ(erase_size_from_edges({}), std::nullopt);
  EXPECT_EQ(erase_size_from_edges({4096}), std::nullopt);
  // A block left out, a stray node, the same place twice.
  EXPECT_EQ(erase_size_from_edges({0, 65536, 65536, 196608, 262144, 270000}), 65536u);
}

}  // namespace
}  // namespace quire::jffs2
