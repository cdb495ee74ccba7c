// Power loss. By default a seeded sample of the cuts; QUIRE_LONG_TESTS=1 tries all of them.
// QUIRE_POWER_ONE_OF=A,B tries one of A single cuts and one of B that follow one.
// QUIRE_POWER_PART=I/N tries the Ith of N parts of them, I from 0 on: all parts together are all cuts.
// QUIRE_POWER_CASE=ID replays one case, as a failure printed it.
// QUIRE_POWER_EXPORT=DIR writes a sample of the surviving images, with manifests, for other judges.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "jffs2/fs/power/explorer.h"

namespace quire::jffs2::power {
namespace {

constexpr Geometry kNor{.erase_size = 8192, .block_count = 24};
constexpr Geometry kNand{.erase_size = 8192,
                         .block_count = 24,
                         .page_size = 512,
                         .oob_size = 16,
                         .oob_free_offset = 2,
                         .oob_free_size = 14};

/// A scenario, and of how many cuts one is tried, by depth: every day, and in the long mode.
struct Entry {
  Scenario scenario;
  std::vector<u32> everyday;
  std::vector<u32> in_long_mode{1, 1};
};

constexpr Geometry kSmallNor{.erase_size = 4096, .block_count = 12};
constexpr Geometry kSmallNand{.erase_size = 4096,
                              .block_count = 14,
                              .page_size = 512,
                              .oob_size = 16,
                              .oob_free_offset = 2,
                              .oob_free_size = 14};

std::vector<Entry> entries() {
  return {
      {{.name = "nor", .geometry = kNor, .seed = 11, .operations = 2400}, {6, 60}},
      {{.name = "nand", .geometry = kNand, .seed = 12, .operations = 2400}, {6, 60}},
      {{.name = "nor-big-endian",
        .geometry = kNor,
        .order = std::endian::big,
        .seed = 13,
        .operations = 2000,
        .depth = 1},
       {20}},
      {{.name = "nor-collecting",
        .geometry = kSmallNor,
        .mix = Mix::rewriting,
        .seed = 14,
        .operations = 300,
        .follow_up = 10,
        .fill_percent = 45},
       {8, 30}},
      {{.name = "nand-collecting",
        .geometry = kSmallNand,
        .mix = Mix::rewriting,
        .seed = 15,
        .operations = 300,
        .follow_up = 10,
        .fill_percent = 35},
       {8, 30}},
      {{.name = "nor-renaming",
        .geometry = kSmallNor,
        .mix = Mix::renaming,
        .seed = 16,
        .operations = 200,
        .follow_up = 8,
        .fill_percent = 20},
       {6, 30}},
      {{.name = "nand-renaming",
        .geometry = kSmallNand,
        .mix = Mix::renaming,
        .seed = 17,
        .operations = 200,
        .follow_up = 8,
        .fill_percent = 20},
       {6, 30}},
      {{.name = "nand-bad-blocks",
        .geometry = kSmallNand,
        .mix = Mix::rewriting,
        .seed = 18,
        .operations = 400,
        .fill_percent = 30,
        .bad_blocks = {BlockIndex(0), BlockIndex(5)}},
       {6, 40}},
      // Recoveries cut twice in a row, which no pair of cuts shows.
      {{.name = "nor-thrice",
        .geometry = kSmallNor,
        .mix = Mix::rewriting,
        .seed = 19,
        .operations = 300,
        .depth = 3,
        .fill_percent = 45},
       {12, 20, 40},
       {2, 8, 20}},
      {{.name = "nand-thrice",
        .geometry = kSmallNand,
        .seed = 20,
        .operations = 300,
        .depth = 3,
        .fill_percent = 35},
       {12, 20, 40},
       {2, 8, 20}},
  };
}

class PowerLoss : public testing::TestWithParam<Entry> {};

INSTANTIATE_TEST_SUITE_P(Scenarios, PowerLoss, testing::ValuesIn(entries()), [](const auto& p) {
  std::string name = p.param.scenario.name;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
});

TEST_P(PowerLoss, NothingIsLostThatWasPromised) {
  const char* long_mode = std::getenv("QUIRE_LONG_TESTS");
  const char* only = std::getenv("QUIRE_POWER_CASE");
  const char* directory = std::getenv("QUIRE_POWER_EXPORT");
  const Entry& entry = GetParam();
  ExploreOptions o;
  const bool everyday = long_mode == nullptr || *long_mode == '\0';
  o.one_of = everyday ? entry.everyday : entry.in_long_mode;
  o.fill_one_of = everyday ? 16 : 1;
  if (const char* one_of = std::getenv("QUIRE_POWER_ONE_OF")) {
    o.one_of.clear();
    for (std::istringstream in(one_of); in;) {
      u32 n = 0;
      if (in >> n && n != 0) o.one_of.push_back(n);
      in.ignore(1);
    }
    ASSERT_FALSE(o.one_of.empty());
  }
  if (const char* part = std::getenv("QUIRE_POWER_PART")) {
    char slash = 0;
    std::istringstream in(part);
    ASSERT_TRUE(in >> o.part >> slash >> o.parts && o.part < o.parts);
  }
  if (directory != nullptr) o.export_directory = directory;
  o.threads = std::max(1u, std::thread::hardware_concurrency());
  if (only != nullptr) {
    std::string id = only;
    std::size_t colon = id.find(':');
    if (colon == id.npos || id.substr(0, colon) != entry.scenario.name) GTEST_SKIP();
    o.only = id.substr(colon + 1);
  }
  ExploreReport r = Explorer(entry.scenario, o).run();
  fmt::print("{}: {} flash operations, {} cuts, {} mounts\n", entry.scenario.name, r.operations, r.cases,
             r.mounts);
  for (const std::string& f : r.failures) ADD_FAILURE() << f;
  EXPECT_GT(r.cases, 0u);
}

}  // namespace
}  // namespace quire::jffs2::power
