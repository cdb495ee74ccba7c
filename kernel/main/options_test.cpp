#include "kernel/main/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quire::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Parsed parse_words(std::vector<std::string> words) {
  words.insert(words.begin(), "quire");
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  return parse(static_cast<int>(argv.size()), argv.data());
}

TEST(Options, OptionsEndAtTheProgram) {
  Parsed p = parse_words({"run", "-it", "-e", "A=b", "ls", "-l", "-v", "x"});
  ASSERT_EQ(p.what, Parsed::What::run);
  EXPECT_TRUE(p.run.tty && p.run.interactive);
  EXPECT_THAT(p.run.environment, ElementsAre("A=b"));
  EXPECT_THAT(p.run.command, ElementsAre("ls", "-l", "-v", "x"));
}

TEST(Options, DoubleDashSeparates) {
  EXPECT_THAT(parse_words({"run", "--", "-odd", "--", "x"}).run.command, ElementsAre("-odd", "--", "x"));
  EXPECT_THAT(parse_words({"run", "sh", "-c", "x", "--", "y"}).run.command,
              ElementsAre("sh", "-c", "x", "--", "y"));
}

TEST(Options, Volumes) {
  Parsed p = parse_words({"run", "-v", "/a:/b", "-v", "/c:/d:ro", "ls"});
  ASSERT_EQ(p.run.volumes.size(), 2u);
  EXPECT_EQ(p.run.volumes[0].guest, "/b");
  EXPECT_FALSE(p.run.volumes[0].read_only);
  EXPECT_EQ(p.run.volumes[1].host, "/c");
  EXPECT_TRUE(p.run.volumes[1].read_only);
  EXPECT_EQ(parse_words({"run", "-v", "/a", "ls"}).what, Parsed::What::usage_error);
  EXPECT_EQ(parse_words({"run", "-v", "/a:b", "ls"}).what, Parsed::What::usage_error);
}

TEST(Options, WrongUseIsOneLine) {
  for (std::vector<std::string> words :
       std::vector<std::vector<std::string>>{{},
                                             {"run"},
                                             {"walk"},
                                             {"run", "--bad", "ls"},
                                             {"run", "--memory", "3x", "ls"},
                                             {"run", "--share-tables", "from-0", "ls"},
                                             {"run", "--net", "some", "ls"},
                                             {"run", "-v"}}) {
    Parsed p = parse_words(words);
    EXPECT_EQ(p.what, Parsed::What::usage_error);
    EXPECT_FALSE(p.message.empty());
    EXPECT_EQ(p.message.find('\n'), std::string::npos) << p.message;
  }
}

TEST(Options, Sizes) {
  EXPECT_EQ(parse_size("512m"), 512u << 20);
  EXPECT_EQ(parse_size("1.5G"), 3u << 29);
  EXPECT_EQ(parse_size("4096"), 4096u);
  EXPECT_EQ(parse_size("2gb"), u64{2} << 30);
  for (const char* bad : {"", "x", "-1", "1q", "1gg", "nan", "1e400"}) EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Options, Policies) {
  EXPECT_EQ(parse_words({"run", "--share-tables", "from-4", "ls"}).run.policy.share_from, 4u);
  EXPECT_EQ(parse_words({"run", "--cow", "page", "ls"}).run.policy.cow, mm::Policy::Cow::page);
}

}  // namespace
}  // namespace quire::cli
