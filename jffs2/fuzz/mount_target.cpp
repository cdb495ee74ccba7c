#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/byte_order.h"
#include "jffs2/codec/crc.h"
#include "jffs2/flash/ram_device.h"
#include "jffs2/fs/file_system.h"
#include "jffs2/fuzz/targets.h"

namespace quire::jffs2 {
namespace {

enum Flag : u8 { kRaw = 1, kNand = 2, kBigEndian = 4, kLeaveCrcs = 8, kReadOnly = 16, kIgnoreSummaries = 32 };

constexpr Geometry kNor{.erase_size = 4096, .block_count = 12};
constexpr Geometry kNandChip{.erase_size = 4096,
                             .block_count = 12,
                             .page_size = 512,
                             .oob_size = 16,
                             .oob_free_offset = 2,
                             .oob_free_size = 14};
/// Longest part of a file that is read: a hole may say 4 GiB.
constexpr u32 kReadMost = 16384;
constexpr u32 kEntriesMost = 300;

MountOptions options(u8 flags) {
  MountOptions o;
  o.read_only = (flags & kReadOnly) != 0;
  o.ignore_summaries = (flags & kIgnoreSummaries) != 0;
  o.scan_threads = 1;
  o.background_gc = false;
  o.gc_budget_us = 1000000;
  o.cache_bytes = 4096;  // so that loading happens again and again
  o.clock = [] { return 1u; };
  return o;
}

void must(bool ok) {
  if (!ok) std::abort();
}

/// A chip with one of everything on it.
std::unique_ptr<RamDevice> make_base(bool nand, ByteOrder order) {
  auto device = std::make_unique<RamDevice>(nand ? kNandChip : kNor);
  must(FileSystem::format(*device, order).has_value());
  MountOptions o = options(0);
  o.order = order;
  o.compression = {.mode = CompressMode::size,
                   .methods = {Compression::lzo, Compression::rtime, Compression::zlib}};
  auto mounted = FileSystem::mount(*device, o);
  must(mounted.has_value());
  FileSystem& fs = **mounted;
  Ino d = *fs.mkdir(kRootIno, "dir", {.mode = 0755});
  std::vector<u8> text(3000);
  for (u32 i = 0; i < text.size(); i++)
    text[i] = static_cast<u8>("some text that repeats itself "[i % 30] + i / 700);
  for (const char* name : {"one", "two", "three"}) {
    Ino f = *fs.create(d, name, {.mode = 0644});
    must(fs.write(f, 0, text).has_value());
    must(fs.write(f, 1000, std::span(text).first(100)).has_value());
    must(fs.setxattr(f, "user.a", std::span(text).first(20)).has_value());
  }
  Ino sparse = *fs.create(kRootIno, "sparse", {.mode = 0600});
  must(fs.write(sparse, 9000, std::span(text).first(10)).has_value());
  must(fs.setattr(sparse, {.size = 9005}).has_value());
  must(fs.symlink(d, "link", "../sparse", {}).has_value());
  must(fs.mknod(d, "device", {.mode = S_IFCHR | 0600}, 1, 3).has_value());
  must(fs.link(sparse, d, "hard").has_value());
  must(fs.unlink(d, "two").has_value());
  must(fs.rename(d, "one", kRootIno, "moved").has_value());
  must(fs.removexattr(*fs.lookup(d, "three"), "user.a").has_value());
  must(fs.sync().has_value());
  return device->snapshot();
}

/// Makes the CRCs of everything that begins like a node right, as far as its lengths allow.
void fix_crcs(std::vector<u8>& image, u32 block_size, ByteOrder order) {
  auto put = [&](std::size_t at, u32 v) { store(image.data() + at, v, order); };
  for (std::size_t at = 0; at + 12 <= image.size(); at += 4) {
    if (load<u16>(image.data() + at, order) != kMagic) continue;
    std::span<const u8> node(image.data() + at,
                             std::min<std::size_t>(image.size() - at, block_size - at % block_size));
    std::array<u8, 8> head;
    std::copy_n(node.begin(), 8, head.begin());
    store(head.data() + 2, static_cast<u16>(load<u16>(node.data() + 2, order) | kAccurateBit), order);
    put(at + 8, crc32(head));
    u32 totlen = load<u32>(node.data() + 4, order);
    u16 type = load<u16>(node.data() + 2, order) | kAccurateBit;
    if (totlen > node.size()) continue;
    node = node.first(totlen);
    switch (static_cast<NodeType>(type)) {
      case NodeType::dirent:
        if (totlen < kDirentSize) break;
        put(at + 32, crc32(node.first(32)));
        put(at + 36, crc32(node.subspan(kDirentSize)));
        break;
      case NodeType::inode:
        if (totlen < kInodeSize) break;
        put(at + 60, crc32(node.subspan(kInodeSize)));
        put(at + 64, crc32(node.first(60)));
        break;
      case NodeType::xattr: {
        if (totlen < kXattrSize) break;
        std::size_t length = node[21] + std::size_t{1} + load<u16>(node.data() + 22, order);
        if (length > node.size() - kXattrSize) break;
        put(at + 24, crc32(node.subspan(kXattrSize, length)));
        put(at + 28, crc32(node.first(28)));
        break;
      }
      case NodeType::xref:
        if (totlen >= kXrefSize) put(at + 24, crc32(node.first(24)));
        break;
      case NodeType::summary:
        if (totlen < kSummarySize) break;
        put(at + 24, crc32(node.subspan(kSummarySize)));
        put(at + 28, crc32(node.first(24)));
        break;
      default:
        break;
    }
  }
}

void walk(FileSystem& fs, Ino dir, u32 depth, u32& budget) {
  auto entries = fs.readdir(dir, 0, kEntriesMost);
  if (!entries || depth > 40) return;
  std::vector<u8> buffer(kReadMost);
  for (const auto& e : *entries) {
    if (budget == 0) return;
    budget--;
    auto a = fs.getattr(e.ino);
    if (!a) continue;
    (void)fs.read(e.ino, 0, buffer).has_value();
    if (a->size > kReadMost) (void)fs.read(e.ino, a->size - 100, buffer).has_value();
    (void)fs.readlink(e.ino).has_value();
    if (auto names = fs.listxattr(e.ino))
      for (const auto& n : *names) (void)fs.getxattr(e.ino, n).has_value();
    if (S_ISDIR(a->mode)) walk(fs, e.ino, depth + 1, budget);
  }
}

/// What a user would do next.
void change(FileSystem& fs) {
  std::vector<u8> bytes(5000, 0x41);
  if (auto f = fs.create(kRootIno, "new", {.mode = 0600})) (void)fs.write(*f, 100, bytes).has_value();
  if (auto f = fs.lookup(kRootIno, "moved")) {
    (void)fs.write(*f, 500, std::span(bytes).first(700)).has_value();
    (void)fs.setattr(*f, {.mode = 0600, .size = 2000}).has_value();
    (void)fs.setxattr(*f, "user.a", std::span(bytes).first(10)).has_value();
  }
  if (auto d = fs.lookup(kRootIno, "dir")) {
    (void)fs.rename(*d, "link", kRootIno, "sparse").has_value();
    (void)fs.unlink(*d, "three").has_value();
    (void)fs.rename(kRootIno, "dir", kRootIno, "folder").has_value();
  }
  (void)fs.gc_all().has_value();
  (void)fs.unlink(kRootIno, "new").has_value();
}

}  // namespace

void fuzz_mount(std::span<const u8> input) {
  if (input.empty()) return;
  u8 flags = input[0];
  input = input.subspan(1);
  bool nand = (flags & kNand) != 0;
  ByteOrder order = (flags & kBigEndian) != 0 ? std::endian::big : std::endian::little;
  static const std::unique_ptr<RamDevice> kBases[2][2] = {
      {make_base(false, std::endian::little), make_base(false, std::endian::big)},
      {make_base(true, std::endian::little), make_base(true, std::endian::big)}};
  const RamDevice& base = *kBases[nand][order == std::endian::big];

  std::vector<u8> image;
  if ((flags & kRaw) != 0) {
    image.assign(input.begin(), input.end());
  } else {
    image = base.image();
    for (; input.size() >= 7; input = input.subspan(7)) {
      u16 word = load<u16>(input.data(), std::endian::little);
      u32 value = load<u32>(input.data() + 3, std::endian::little);
      u8* at = image.data() + word % (image.size() / 4) * 4;
      switch (input[2] % 6) {
        case 0:
          store(at, value, order);
          break;
        case 1:
          store(at, load<u32>(at, order) + static_cast<u32>(static_cast<i8>(value)), order);
          break;
        case 2:
          store(at, load<u32>(at, order) ^ (1u << value % 32), order);
          break;
        case 3:
          at[value % 4] = static_cast<u8>(value >> 8);
          break;
        case 4: {  // a piece of the image again elsewhere
          std::size_t from = value % image.size() & ~std::size_t{3};
          std::size_t to = static_cast<std::size_t>(at - image.data());
          std::size_t n = std::min<std::size_t>({100, image.size() - from, image.size() - to});
          std::copy_n(std::vector<u8>(image.begin() + static_cast<long>(from),
                                      image.begin() + static_cast<long>(from + n))
                          .begin(),
                      n, at);
          break;
        }
        default:
          store(at, ~u32{0}, order);
          break;
      }
    }
    if ((flags & kLeaveCrcs) == 0) fix_crcs(image, base.geometry().erase_size, order);
  }
  RamDevice device(nand ? kNandChip : kNor);
  device.load(image);
  MountOptions o = options(flags);
  if ((flags & kRaw) == 0) o.order = order;
  auto fs = FileSystem::mount(device, o);
  if (!fs) return;
  u32 budget = 500;
  walk(**fs, kRootIno, 0, budget);
  if (!(*fs)->read_only()) change(**fs);
  budget = 500;
  walk(**fs, kRootIno, 0, budget);
  if (auto findings = (*fs)->check())
    for (const Finding& f : *findings)
      if (f.kind == Finding::Kind::accounting) std::abort();
  (void)(*fs)->unmount().has_value();
  if (device.violations() != 0) {
    std::fprintf(stderr, "rule of the medium: %s\n", device.last_violation().c_str());
    std::abort();
  }
}

}  // namespace quire::jffs2
