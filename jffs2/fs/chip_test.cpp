// What a chip may do or hold that its file system did not ask for: flipped bits, nodes of other kinds, no
// memory to look into; and collection in the background and in small steps.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "base/byte_order.h"
#include "jffs2/codec/crc.h"
#include "jffs2/flash/ram_device.h"
#include "jffs2/fs/file_system.h"

namespace quire::jffs2 {
namespace {

constexpr Geometry kNor{.erase_size = 16384, .block_count = 64};
constexpr Geometry kNand{.erase_size = 16384,
                         .block_count = 64,
                         .page_size = 512,
                         .oob_size = 16,
                         .oob_free_offset = 2,
                         .oob_free_size = 14};

std::vector<u8> noise(std::size_t n, u32 seed) {
  std::mt19937 rng(seed);
  std::vector<u8> out(n);
  for (u8& b : out) b = static_cast<u8>(rng());
  return out;
}

std::unique_ptr<FileSystem> mounted(FlashDevice& device, MountOptions o = {.background_gc = false}) {
  auto fs = FileSystem::mount(device, o);
  EXPECT_TRUE(fs) << fs.error().name();
  return fs ? std::move(*fs) : nullptr;
}

std::unique_ptr<RamDevice> formatted(const Geometry& g) {
  auto device = std::make_unique<RamDevice>(g);
  EXPECT_TRUE(FileSystem::format(*device, std::endian::little));
  return device;
}

u32 free_blocks(FileSystem& fs) {
  auto blocks = fs.statistics().blocks;
  return static_cast<u32>(
      std::ranges::count_if(blocks, [](const BlockInfo& b) { return b.state == BlockState::free; }));
}

/// A file that fills `percent` of the chip, a page a node.
Ino fill(FileSystem& fs, const Geometry& g, u32 percent, u32& pages) {
  Ino file = *fs.create(kRootIno, "file", {.mode = 0644});
  pages = static_cast<u32>(g.size() * percent / 100 / 4200);
  for (u32 i = 0; i < pages; i++) EXPECT_TRUE(fs.write(file, u64{i} * 4096, noise(4096, i)));
  return file;
}

// --- nodes of other kinds ---

std::vector<u8> unknown_node(u16 type) {
  std::vector<u8> node(32);
  store(node.data(), kMagic, std::endian::little);
  store(node.data() + 2, type, std::endian::little);
  store(node.data() + 4, u32{32}, std::endian::little);
  store(node.data() + 8, crc32(std::span(node).first(8)), std::endian::little);
  std::ranges::copy(std::string_view("from another age ..."), node.begin() + 12);
  return node;
}

/// A chip with a file, and a node of this type in a block of its own.
std::unique_ptr<RamDevice> chip_with(u16 type) {
  auto device = formatted(kNor);
  auto fs = mounted(*device);
  EXPECT_TRUE(fs->write(*fs->create(kRootIno, "f", {.mode = 0644}), 0, noise(2000, 1)));
  EXPECT_TRUE(fs->unmount());
  EXPECT_TRUE(device->program(u64{kNor.erase_size} * 40 + kCleanmarkerSize, unknown_node(type)));
  return device;
}

std::size_t copies_of(const RamDevice& device, u16 type) {
  std::size_t n = 0;
  auto image = device.image();
  auto node = unknown_node(type);
  for (auto at = image.begin();; at++, n++) {
    at = std::search(at, image.end(), node.begin(), node.end());
    if (at == image.end()) return n;
  }
}

TEST(UnknownNodes, MayForbidMounting) {
  auto device = chip_with(0xE0FF);
  for (bool read_only : {false, true})
    EXPECT_EQ(FileSystem::mount(*device, {.read_only = read_only}).error(), Errno(ENOTSUP));
}

TEST(UnknownNodes, MayForbidWriting) {
  auto device = chip_with(0xA0FF);
  auto fs = mounted(*device);
  u64 operations = device->operations();
  EXPECT_TRUE(fs->read_only());
  EXPECT_EQ(fs->create(kRootIno, "g", {}).error(), Errno(EROFS));
  EXPECT_EQ(fs->setattr(*fs->lookup(kRootIno, "f"), {.mode = 0}).error(), Errno(EROFS));
  std::vector<u8> back(2000);
  EXPECT_EQ(*fs->read(*fs->lookup(kRootIno, "f"), 0, back), 2000u);
  EXPECT_EQ(back, noise(2000, 1));
  EXPECT_TRUE(fs->unmount());
  EXPECT_EQ(device->operations(), operations);
}

TEST(UnknownNodes, AreCarriedAlongOrDropped) {
  for (bool carried : {true, false}) {
    u16 type = carried ? 0x60FF : 0x20FF;
    auto device = chip_with(type);
    for (int life = 0; life < 3; life++) {
      auto fs = mounted(*device);
      EXPECT_FALSE(fs->read_only());
      u32 pages = 0;
      fill(*fs, kNor, 30, pages);
      ASSERT_TRUE(fs->unlink(kRootIno, "file"));
      ASSERT_TRUE(fs->gc_all());
      ASSERT_TRUE(fs->unmount());
    }
    EXPECT_GT(device->erase_count(BlockIndex(40)), 0u);
    // A copy's original stays until its block is erased.
    EXPECT_EQ(copies_of(*device, type) != 0, carried);
    EXPECT_EQ(device->violations(), 0u) << device->last_violation();
  }
}

// --- flipped bits ---

TEST(FlippedBits, CostOnlyWhatTheyHit) {
  for (const Geometry& g : {kNor, kNand}) {
    auto device = formatted(g);
    MountOptions o{.background_gc = false};
    o.compression = {.mode = CompressMode::none};
    auto fs = mounted(*device, o);
    constexpr u32 kFiles = 30, kSize = 6000;
    auto content = [](u32 file, u32 age) { return noise(kSize, file * 2 + age + 100); };
    for (u32 age = 0; age < 2; age++)
      for (u32 i = 0; i < kFiles; i++) {
        std::string name = "f" + std::to_string(i);
        auto f = age == 0 ? fs->create(kRootIno, name, {.mode = 0644}) : fs->lookup(kRootIno, name);
        ASSERT_TRUE(fs->write(*f, 0, content(i, age)));
      }
    ASSERT_TRUE(fs->unmount());
    auto image = device->image();
    std::vector<u64> in_use;
    for (u64 at = 0; at < image.size(); at++)
      if (image[at] != 0xFF) in_use.push_back(at);
    std::mt19937 rng(17);
    u32 whole = 0, seen = 0;
    for (int round = 0; round < 60; round++) {
      auto worn = device->snapshot();
      for (int i = 0; i < 8; i++) worn->flip_bit(in_use[rng() % in_use.size()], rng() % 8);
      auto again = mounted(*worn, o);
      ASSERT_TRUE(again->check());
      for (u32 i = 0; i < kFiles; i++) {
        auto f = again->lookup(kRootIno, "f" + std::to_string(i));
        if (!f) continue;  // its name was hit
        std::vector<u8> back(kSize, 0);
        auto n = again->read(*f, 0, back);
        if (!n) continue;
        seen++;
        auto older = content(i, 0), newer = content(i, 1);
        for (u32 k = 0; k < *n; k++)
          ASSERT_TRUE(back[k] == newer[k] || back[k] == older[k] || back[k] == 0)
              << round << " " << i << " " << k;
        whole += *n == kSize && back == newer;
      }
      // And it goes on working.
      auto made = again->create(kRootIno, "new", {.mode = 0600});
      ASSERT_TRUE(made);
      ASSERT_TRUE(again->write(*made, 0, content(99, 0)));
      ASSERT_TRUE(again->gc_all());
      ASSERT_TRUE(again->unmount());
      again = mounted(*worn, o);
      std::vector<u8> back(kSize);
      ASSERT_EQ(again->read(*again->lookup(kRootIno, "new"), 0, back).value_or(0), kSize);
      EXPECT_EQ(back, content(99, 0));
      EXPECT_EQ(worn->violations(), 0u) << worn->last_violation();
    }
    EXPECT_GT(seen, kFiles * 60 * 9 / 10);
    EXPECT_GT(whole, kFiles * 60 * 6 / 10);
  }
}

TEST(Chip, IsReadWhereItLendsNoViews) {
  for (const Geometry& g : {kNor, kNand}) {
    auto device = formatted(g);
    auto fs = mounted(*device);
    u32 pages = 0;
    fill(*fs, g, 40, pages);
    ASSERT_TRUE(fs->unmount());
    device->set_lends_views(false);
    for (bool ignore_summaries : {false, true}) {
      fs = mounted(*device, {.ignore_summaries = ignore_summaries, .background_gc = false});
      Ino file = *fs->lookup(kRootIno, "file");
      std::vector<u8> back(4096);
      for (u32 i = 0; i < pages; i++) {
        ASSERT_EQ(fs->read(file, u64{i} * 4096, back).value_or(0), 4096u);
        ASSERT_EQ(back, noise(4096, i));
      }
      auto findings = fs->check();
      ASSERT_TRUE(findings);
      EXPECT_TRUE(findings->empty());
    }
  }
}

// --- collection ---

TEST(Collection, GoesOnInTheBackground) {
  auto device = formatted(kNor);
  MountOptions o;
  o.gc_budget_us = 0;  // writers collect only when they must
  auto fs = mounted(*device, o);
  u32 pages = 0;
  Ino file = fill(*fs, kNor, 60, pages);
  std::mt19937 rng(5);
  for (u32 i = 0; i < pages; i++) ASSERT_TRUE(fs->write(file, u64{rng() % pages} * 4096, noise(4096, i)));
  // More than what writers leave to themselves, and without anybody calling.
  u64 erased = fs->statistics().gc_erased_blocks;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (free_blocks(*fs) < 5 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_GE(free_blocks(*fs), 5u) << "erased since: " << fs->statistics().gc_erased_blocks - erased;
  ASSERT_TRUE(fs->unmount());
  EXPECT_EQ(device->violations(), 0u) << device->last_violation();
}

TEST(Collection, IsPaidForInSmallSteps) {
  Geometry g{.erase_size = 65536, .block_count = 128};
  auto device = formatted(g);
  MountOptions o{.background_gc = false};
  o.gc_budget_us = ~u32{0};  // no clock decides
  auto fs = mounted(*device, o);
  u32 pages = 0;
  Ino file = fill(*fs, g, 74, pages);
  std::mt19937 rng(5);
  u64 most_moved = 0, most_erased = 0, moved = 0;
  for (u32 i = 0; i < 3 * pages; i++) {
    auto before = fs->statistics();
    ASSERT_TRUE(fs->write(file, u64{rng() % pages} * 4096, noise(4096, i)));
    auto after = fs->statistics();
    u64 m = after.gc_moved_nodes - before.gc_moved_nodes,
        e = after.gc_erased_blocks - before.gc_erased_blocks;
    moved += m;
    most_moved = std::max(most_moved, m);
    most_erased = std::max(most_erased, e);
  }
  EXPECT_GT(moved, pages);
  // A block holds fifteen such nodes: nobody pays for a whole one, let alone for several.
  EXPECT_LE(most_moved, 8u);
  EXPECT_LE(most_erased, 2u);
}

}  // namespace
}  // namespace quire::jffs2
