// The fuzz targets over the cases that once failed, and over a few hundred random inputs.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "jffs2/fuzz/targets.h"

namespace quire::jffs2 {
namespace {

void run_cases(const char* folder, void (*target)(std::span<const u8>)) {
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(QUIRE_FUZZ_CASES) / folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::vector<u8> bytes{std::istreambuf_iterator<char>(in), {}};
    SCOPED_TRACE(entry.path().filename().string());
    target(bytes);
  }
}

TEST(FuzzRegression, MountCases) { run_cases("mount", fuzz_mount); }
TEST(FuzzRegression, CodecCases) { run_cases("codec", fuzz_codec); }

TEST(FuzzRegression, RandomEditsOfImages) {
  std::mt19937 rng(42);
  for (int i = 0; i < 400; i++) {
    std::vector<u8> input(1 + 7 * (1 + rng() % 6));
    for (u8& b : input) b = static_cast<u8>(rng());
    input[0] &= 0x3E;
    fuzz_mount(input);
  }
}

TEST(FuzzRegression, RandomBytesForTheCodec) {
  std::mt19937 rng(43);
  for (int i = 0; i < 5000; i++) {
    std::vector<u8> input(rng() % 600);
    for (u8& b : input) b = static_cast<u8>(rng() % 3 == 0 ? rng() : rng() % 4);
    fuzz_codec(input);
  }
}

}  // namespace
}  // namespace quire::jffs2
