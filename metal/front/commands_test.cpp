#include "metal/front/commands.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "metal/front/cache.h"
#include "metal/front/files.h"
#include "metal/front/flags.h"

namespace quire::metal {
namespace {

using testing::ElementsAre;

TEST(CommandLine, FindsTheCompilerAndTheFile) {
  auto c = parse_command_line(
      "/d", "set -e; echo 'gcc -c no.c'; ccache gcc-12 -DX='a b' -I inc -c -o f.o src/f.c; true");
  EXPECT_EQ(c.file, "src/f.c");
  EXPECT_EQ(c.directory, "/d");
  EXPECT_THAT(c.arguments, ElementsAre("-DX=a b", "-I", "inc", "-c", "-o", "f.o"));
  EXPECT_EQ(parse_command_line("/d", "x86_64-linux-gnu-g++ -c \"a \\\"b\\\".cc\"").file, "a \"b\".cc");
  EXPECT_THAT(parse_command_line("/d", "g++ -c a.c").arguments, ElementsAre("-x", "c++", "-c"));
}

TEST(CommandLine, LeavesOtherThingsAlone) {
  for (const char* line : {"", "ld -o x a.o", "gcc -o x a.o b.o", "gcc -E a.c", "gcc -c a.S", "cp a.c b.c",
                           "gcc a.c -o a", "'", "\"", "\\", "gcc -c a.c b.c", "mygcc2x -c a.c"})
    EXPECT_EQ(parse_command_line("/d", line).file, "") << line;
}

TEST(Flags, WhatClangDoesNotKnowIsDroppedAndCounted) {
  const auto f =
      to_clang_flags({"-c", "-o", "x.o", "-fconserve-stack", "-DA=1", "-Wall", "-Werror", "--param", "x=1",
                      "-Wp,-MMD,x.d,-DB", "-O2", "-MF", "y.d", "-g", "-fno-tree-ch", "-std=gnu89", "-Iinc"});
  EXPECT_THAT(f.arguments, ElementsAre("-DA=1", "-O2", "-std=gnu89", "-Iinc"));
  EXPECT_EQ(f.dropped, 3u);
  EXPECT_TRUE(f.gnu89);
  EXPECT_THAT(to_clang_flags({"-Wp,-DB,-UC"}).arguments, ElementsAre("-DB", "-UC"));
}

/// A folder with a project in it.
class CacheTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "metal-cache-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    write("h.h", "static inline int h(void) { return 1; }\n");
    write("a.c", "#include \"h.h\"\nint a(void) { return h(); }\n");
  }
  void TearDown() override { ASSERT_EQ(system(("rm -r " + folder_).c_str()), 0); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  CompileCommand command() const { return {folder_, "a.c", {"-O2"}}; }
  /// "parsed" or "cached", and the number of functions; each time as a new run would.
  std::string get() {
    Symbols symbols;
    const auto outcome = Cache(folder_ + "/cache").get(command(), symbols);
    if (!outcome) return outcome.error().what;
    return (outcome->parsed ? "parsed " : "cached ") + std::to_string(outcome->unit->directory().size());
  }
  std::string entry() {
    const auto listing = output_of({"find", folder_ + "/cache", "-name", "*.qmf"});
    return listing ? listing->substr(0, listing->find('\n')) : "";
  }
  std::string folder_;
};

TEST_F(CacheTest, ParsesOnce) {
  EXPECT_EQ(get(), "parsed 2");
  EXPECT_EQ(get(), "cached 2");
}

TEST_F(CacheTest, AChangedHeaderCounts) {
  EXPECT_EQ(get(), "parsed 2");
  write("h.h", "static inline int k(void) { return 1; }\nstatic inline int h(void) { return k(); }\n");
  EXPECT_EQ(get(), "parsed 3");
  // The same content with another time is the same.
  const timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, (folder_ + "/h.h").c_str(), times, 0), 0);
  EXPECT_EQ(get(), "cached 3");
}

TEST_F(CacheTest, CorruptEntriesAreMadeAnew) {
  EXPECT_EQ(get(), "parsed 2");
  const std::string path = entry();
  const auto good = read_file(path);
  ASSERT_TRUE(good);
  for (const std::string& bad :
       {std::string(), std::string("QMFF"), good->substr(0, good->size() / 2), *good + "x"}) {
    ASSERT_TRUE(write_file_atomically(path, bad));
    EXPECT_EQ(get(), "parsed 2");
    EXPECT_EQ(get(), "cached 2");
  }
  std::string flipped = *good;
  flipped[flipped.size() / 2] ^= 0x10;
  ASSERT_TRUE(write_file_atomically(path, flipped));
  EXPECT_EQ(get(), "parsed 2");
  EXPECT_EQ(*read_file(path), *good);
}

TEST_F(CacheTest, WorksWithoutAPlaceToWrite) {
  Symbols symbols;
  const auto outcome = Cache("/proc/nowhere/cache").get(command(), symbols);
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->parsed);
  EXPECT_TRUE(Cache("").get(command(), symbols));
}

TEST_F(CacheTest, ReadsCompileCommands) {
  write("compile_commands.json",
        "[{\"directory\": \"" + folder_ +
            "\", \"file\": \"a.c\", \"command\": \"gcc -DX='1 2' -c a.c -o a.o\"},"
            " {\"directory\": \"" +
            folder_ +
            "\", \"file\": \"a.c\", \"arguments\": [\"gcc\", \"a.c\"]},"
            " {\"directory\": \".\", \"file\": \"b.S\", \"command\": \"gcc -c b.S\"}]");
  const auto commands = read_compile_commands(folder_);
  ASSERT_TRUE(commands);
  ASSERT_EQ(commands->size(), 1u);
  EXPECT_EQ((*commands)[0].file, "a.c");
  EXPECT_THAT((*commands)[0].arguments, ElementsAre("-DX=1 2", "-c", "-o", "a.o"));
  for (const char* bad : {"", "{", "{}", "[1]", "[{\"file\": 3}]"}) {
    write("compile_commands.json", bad);
    EXPECT_FALSE(read_compile_commands(folder_)) << bad;
  }
  EXPECT_FALSE(read_compile_commands(folder_ + "/none"));
  EXPECT_FALSE(read_kbuild(folder_, {}));
}

TEST_F(CacheTest, StandsInForTheCompiler) {
  ASSERT_EQ(chdir(folder_.c_str()), 0);
  setenv("METAL_CACHE", (folder_ + "/cache").c_str(), 1);
  std::vector<std::string> words = {"metal cc", "gcc", "-c", "a.c", "-o", "a.o"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  EXPECT_EQ(cc_main(static_cast<int>(words.size()), argv.data()), 0);
  unsetenv("METAL_CACHE");
  EXPECT_EQ(access("a.o", R_OK), 0);
  const auto commands = read_compile_commands(folder_);
  ASSERT_TRUE(commands);
  ASSERT_EQ(commands->size(), 1u);
  Symbols symbols;
  const auto outcome = Cache(folder_ + "/cache").get((*commands)[0], symbols);
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->parsed) << "the compiler's command and that of the list differ";
}

}  // namespace
}  // namespace quire::metal
