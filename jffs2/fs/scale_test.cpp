// Many names, many threads, and the fragment list against a plain array.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "jffs2/flash/ram_device.h"
#include "jffs2/fs/file_system.h"
#include "jffs2/fs/fragments.h"

namespace quire::jffs2 {
namespace {

TEST(Fragments, AgreeWithAnArray) {
  std::mt19937 rng(3);
  for (int round = 0; round < 200; round++) {
    constexpr u32 kSize = 300;
    std::vector<u32> model(kSize, kNoRef.value());
    std::vector<Fragments::Candidate> all;
    Fragments step;
    u32 size = 0;
    for (u32 i = 0; i < 40; i++) {
      u32 start = static_cast<u32>(rng() % kSize),
          length = static_cast<u32>(1 + rng() % std::min(60u, kSize - start));
      std::vector<u32> before = model;
      std::fill_n(model.begin() + start, length, i);
      size = std::max(size, start + length);
      all.push_back({start, length, i, RefId(i)});
      std::vector<RefId> dropped;
      step.overlay(RefId(i), start, length, dropped);
      // A node is dropped exactly when its last byte goes.
      for (u32 k = 0; k < i; k++) {
        bool gone =
            std::ranges::find(before, k) != before.end() && std::ranges::find(model, k) == model.end();
        ASSERT_EQ(std::ranges::find(dropped, RefId(k)) != dropped.end(), gone);
      }
    }
    Fragments built;
    built.build(all);
    for (const Fragments* f : {&step, &built}) {
      std::vector<u32> got(kSize, kNoRef.value());
      for (const Fragment& x : *f) std::fill_n(got.begin() + x.start, x.length, x.ref.value());
      ASSERT_EQ(got, model);
    }
    u32 cut = static_cast<u32>(rng() % (size + 1));
    std::vector<RefId> dropped;
    built.truncate(cut, dropped);
    ASSERT_TRUE(std::ranges::all_of(built, [&](const Fragment& x) { return x.end() <= cut; }));
  }
}

TEST(Fragments, ManyHostileNodesBuildQuickly) {
  std::vector<Fragments::Candidate> nodes;
  for (u32 i = 0; i < 300000; i++) nodes.push_back({300000 - i, 0xFFFFFFFF, i, RefId(i)});
  Fragments f;
  f.build(nodes);
  EXPECT_EQ(f[0].start, 1u);
}

TEST(FileSystemScale, HundredThousandNames) {
  RamDevice device({.erase_size = 131072, .block_count = 256});
  ASSERT_TRUE(FileSystem::format(device, std::endian::little));
  MountOptions o;
  o.background_gc = false;
  auto fs = FileSystem::mount(device, o);
  ASSERT_TRUE(fs);
  Ino dir = *(*fs)->mkdir(kRootIno, "dir", {.mode = 0755});
  constexpr int kNames = 100000;
  for (int i = 0; i < kNames; i++)
    ASSERT_TRUE((*fs)->create(dir, "name" + std::to_string(i), {.mode = 0644})) << i;
  ASSERT_TRUE((*fs)->unmount());
  fs->reset();
  fs = FileSystem::mount(device, o);
  ASSERT_TRUE(fs);
  ASSERT_TRUE((*fs)->open(dir));
  u64 cookie = 0;
  int seen = 0;
  for (;;) {
    auto entries = (*fs)->readdir(dir, cookie, 1000);
    ASSERT_TRUE(entries);
    if (entries->empty()) break;
    seen += static_cast<int>(entries->size());
    cookie = entries->back().cookie;
  }
  EXPECT_EQ(seen, kNames);
  EXPECT_TRUE((*fs)->lookup(dir, "name77777"));
  for (int i = 0; i < kNames; i += 2) ASSERT_TRUE((*fs)->unlink(dir, "name" + std::to_string(i)));
  (*fs)->close(dir);
  EXPECT_EQ((*fs)->readdir(dir, 0, kNames)->size(), kNames / 2u);
}

TEST(FileSystemScale, ThreadsAndTheCollector) {
  RamDevice device({.erase_size = 16384, .block_count = 64});
  ASSERT_TRUE(FileSystem::format(device, std::endian::little));
  auto fs = FileSystem::mount(device, {});
  ASSERT_TRUE(fs);
  std::atomic<int> errors{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; t++)
      threads.emplace_back([&, t] {
        std::mt19937 rng(static_cast<u32>(t));
        Ino dir = *(*fs)->mkdir(kRootIno, "t" + std::to_string(t), {.mode = 0755});
        std::vector<u8> data(3000), back(3000);
        for (int i = 0; i < 400; i++) {
          std::string name = "f" + std::to_string(i % 10);
          for (u8& b : data) b = static_cast<u8>(rng());
          auto f = (*fs)->lookup(dir, name);
          if (!f) f = (*fs)->create(dir, name, {.mode = 0644});
          bool ok = f && (*fs)->write(*f, 0, data) && (*fs)->read(*f, 0, back) && back == data &&
                    (*fs)->getattr(*f);
          if (i % 7 == 0) ok = ok && (*fs)->rename(dir, name, dir, "renamed");
          if (!ok) errors++;
        }
      });
  }
  EXPECT_EQ(errors, 0);
  auto findings = (*fs)->check();
  ASSERT_TRUE(findings);
  for (const Finding& f : *findings) ADD_FAILURE() << f.text;
  ASSERT_TRUE((*fs)->unmount());
  EXPECT_EQ(device.violations(), 0u) << device.last_violation();
}

TEST(FileSystemScale, ChipThatWearsOut) {
  // Programs of some blocks fail, erases of others: nothing written is lost, and bad blocks stay alone.
  for (bool nand : {false, true}) {
    Geometry g{.erase_size = 16384, .block_count = 48};
    if (nand)
      g = {.erase_size = 16384,
           .block_count = 48,
           .page_size = 512,
           .oob_size = 16,
           .oob_free_offset = 2,
           .oob_free_size = 14};
    RamDevice device(g);
    ASSERT_TRUE(FileSystem::format(device, std::endian::little));
    MountOptions o;
    o.background_gc = false;
    auto fs = FileSystem::mount(device, o);
    ASSERT_TRUE(fs);
    Ino file = *(*fs)->create(kRootIno, "file", {.mode = 0644});
    std::vector<u8> model(100000), page(4096);
    std::mt19937 rng(8);
    for (int i = 0; i < 600; i++) {
      if (i == 50) device.fail_programs(BlockIndex(20));
      if (i == 60) device.fail_programs(BlockIndex(30));
      if (i == 80) device.fail_erases(BlockIndex(5));
      u32 at = static_cast<u32>(rng() % (model.size() - page.size()));
      for (u8& b : page) b = static_cast<u8>(rng());
      ASSERT_TRUE((*fs)->write(file, at, page)) << i;
      std::ranges::copy(page, model.begin() + at);
    }
    std::vector<u8> got(model.size());
    for (int i = 0; i < 2; i++) {
      auto n = (*fs)->read(file, 0, got);
      ASSERT_TRUE(n);
      EXPECT_TRUE(std::equal(got.begin(), got.begin() + *n, model.begin()));
      if (i == 1) break;
      ASSERT_TRUE((*fs)->unmount());
      fs->reset();
      fs = FileSystem::mount(device, o);
      ASSERT_TRUE(fs);
    }
    EXPECT_EQ(device.violations(), 0u) << device.last_violation();
  }
}

}  // namespace
}  // namespace quire::jffs2
