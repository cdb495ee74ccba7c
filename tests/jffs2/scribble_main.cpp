// Makes images with our own file system, for Linux to judge, and reads back what Linux made of them.
//
//   scribble survivors DIR SEED COUNT   power cuts in a workload: DIR/N-raw (the flash as the cut left
//                                       it), DIR/N-recovered (after our mount), DIR/N.manifest
//   scribble image FILE SEED STEPS ERASE_KIB BLOCKS COMPRESSION
//                                       a workload to its end; prints the manifest
//   scribble manifest FILE ERASE_KIB    mounts and prints
//   scribble nand-image FILE SEED STEPS BLOCKS, scribble nand-manifest FILE
//                                       the same on nandsim's chip, with its spare bytes in the file
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string>

#include "jffs2/flash/file_device.h"
#include "jffs2/flash/ram_device.h"
#include "tests/jffs2/scribble.h"

namespace quire::jffs2 {

namespace {

constexpr u32 kErase = 8192;
constexpr u32 kBlocks = 24;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "scribble: %s\n", what.c_str());
  std::exit(1);
}

MountOptions options_for(u64 seed) {
  MountOptions o;
  o.background_gc = false;
  o.seed = seed;
  o.scan_threads = 1;
  o.gc_budget_us = 0;  // time must not decide what is done: the second run repeats the first
  o.order = ByteOrder::little;
  o.clock = [] { return u32{1'700'000'000}; };
  return o;
}

void save(const RamDevice& device, const std::string& path) {
  std::vector<u8> image = device.image();
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr || std::fwrite(image.data(), 1, image.size(), file) != image.size()) die(path);
  std::fclose(file);
}

void recover_and_save(RamDevice& survivor, const std::string& base, u64 seed) {
  save(survivor, base + "-raw");
  auto fs = FileSystem::mount(survivor, options_for(seed));
  if (!fs) die(base + ": a survivor does not mount: " + fs.error().name());
  std::FILE* out = std::fopen((base + ".manifest").c_str(), "w");
  if (out == nullptr) die(base);
  print_manifest(**fs, out);
  std::fclose(out);
  if (!(*fs)->unmount()) die(base + ": unmount");
  save(survivor, base + "-recovered");
}

// Cuts at `count` operations spread over the workload, each in the next of the ways to be cut.
void survivors(const std::string& dir, u64 seed, u64 count) {
  constexpr u64 steps = 600;
  auto run = [&](const std::function<void(RamDevice&, const FlashOp&)>& hook) {
    RamDevice device({.erase_size = kErase, .block_count = kBlocks});
    if (!FileSystem::format(device, ByteOrder::little)) die("format");
    auto fs = FileSystem::mount(device, options_for(seed));
    if (!fs) die("mount");
    u64 before = device.operations();
    device.set_hook([&](const FlashOp& op) { hook(device, op); });
    Scribbler scribbler(**fs, seed);
    for (u64 i = 0; i < steps; i++) scribbler.step();
    if (!(*fs)->unmount()) die("unmount");
    return device.operations() - before;
  };
  const u64 operations = run([](RamDevice&, const FlashOp&) {});
  u64 at = 0, number = 0;
  run([&](RamDevice& device, const FlashOp& op) {
    if (at++ * count / operations < number || number >= count) return;
    std::unique_ptr<RamDevice> survivor = device.snapshot();
    survivor->apply_cut(op, static_cast<Cut>(number % kCutModes), number);
    survivor->power_up(number + 1);
    recover_and_save(*survivor, fmt::format("{}/{}", dir, number), seed);
    number++;
  });
  if (number != count) die(fmt::format("only {} cuts in {} operations", number, operations));
  fmt::print("{} operations, {} cuts\n", operations, number);
}

/// What nandsim makes by default: 128 KiB blocks, 2 KiB pages, 64 spare bytes.
constexpr FileDeviceOptions kNandSim{
    .erase_size = 128 * 1024, .page_size = 2048, .oob_size = 64, .oob_in_file = true};

void image(const std::string& path, FileDeviceOptions how, u64 seed, u64 steps, u32 blocks,
           const std::string& compression) {
  how.size = u64{how.erase_size} * blocks;
  how.read_only = false;
  how.create = true;
  auto device = open_file_device(path, how);
  if (!device || !FileSystem::format(**device, ByteOrder::little)) die(path);
  MountOptions o = options_for(seed);
  auto method = compression_by_name(compression);
  if (!method) die(compression);
  o.compression.methods = {*method};
  auto fs = FileSystem::mount(**device, o);
  if (!fs) die(path + ": mount");
  Scribbler scribbler(**fs, seed);
  for (u64 i = 0; i < steps; i++) scribbler.step();
  print_manifest(**fs, stdout);
  if (!(*fs)->unmount()) die(path + ": unmount");
}

void manifest_of(const std::string& path, const FileDeviceOptions& how) {
  auto device = open_file_device(path, how);
  if (!device) die(path);
  MountOptions o = options_for(0);
  o.read_only = true;
  auto fs = FileSystem::mount(**device, o);
  if (!fs) die(path + ": mount: " + fs.error().name());
  print_manifest(**fs, stdout);
}

}  // namespace

}  // namespace quire::jffs2

int main(int argc, char** argv) {
  using namespace quire::jffs2;
  auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
  std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "survivors" && argc == 5)
    survivors(argv[2], number(3), number(4));
  else if (mode == "image" && argc == 8)
    image(argv[2], {.erase_size = static_cast<quire::u32>(number(5) * 1024)}, number(3), number(4),
          static_cast<quire::u32>(number(6)), argv[7]);
  else if (mode == "nand-image" && argc == 6)
    image(argv[2], kNandSim, number(3), number(4), static_cast<quire::u32>(number(5)), "zlib");
  else if (mode == "nand-manifest" && argc == 3)
    manifest_of(argv[2], kNandSim);
  else if (mode == "manifest" && argc == 4)
    manifest_of(argv[2], {.erase_size = static_cast<quire::u32>(number(3) * 1024)});
  else
    return std::fputs("usage: scribble survivors|image|manifest|nand-image|nand-manifest ...\n", stderr), 2;
  return 0;
}
