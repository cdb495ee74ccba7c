#include "metal/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "metal/report/filter.h"

namespace quire::metal {
namespace {

class Report : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/metal-report-XXXXXX";
    dir_ = mkdtemp(name);
    write("int f(void)\n{\n\tcli();\n\treturn 0;\n}\n");
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void write(const std::string& text) { std::ofstream(dir_ + "/a.c") << text; }
  Finding finding(u32 line) const {
    Finding f;
    f.rule = "intr";
    f.level = Level::kError;
    f.message = "exit with <interrupts> off";
    f.at = {dir_ + "/a.c", line, 2};
    f.function = "f";
    f.cause = f.at;
    f.path.push_back({{dir_ + "/a.c", line - 1, 2}, "f", "now off"});
    return f;
  }
  ReportInput input(std::vector<Finding> list) const {
    ReportInput in;
    in.findings = std::move(list);
    in.base = dir_;
    in.rules.push_back({"intr", "intr", "Interrupts come back on.", "CWE-667", "sti()", Level::kError});
    return in;
  }
  std::string dir_;
  SourceText sources_;
};

TEST_F(Report, TextReadsLikeACompiler) {
  EXPECT_EQ(text_report(input({finding(4)}), sources_, false),
            "a.c:4:2: error: exit with <interrupts> off [intr]\n\treturn 0;\n\t^\na.c:3:2: note: now off\n");
  EXPECT_THAT(text_report(input({finding(4)}), sources_, true), testing::HasSubstr("\033[1;31m"));
}

// The names and nesting that the standard requires of what we emit (SARIF 2.1.0, sections 3.13, 3.14, 3.18,
// 3.19, 3.27, 3.29, 3.30, 3.36, 3.37, 3.38).
TEST_F(Report, SarifHasTheRequiredStructure) {
  auto j = nlohmann::json::parse(sarif_report(input({finding(4)}), sources_));
  EXPECT_EQ(j.at("version"), "2.1.0");
  ASSERT_EQ(j.at("runs").size(), 1u);
  const auto& run = j["runs"][0];
  EXPECT_EQ(run.at("tool").at("driver").at("name"), "metal");
  EXPECT_EQ(run.at("invocations")[0].at("executionSuccessful"), true);
  const auto& result = run.at("results").at(0);
  EXPECT_EQ(result.at("ruleId"), "intr");
  EXPECT_EQ(run["tool"]["driver"]["rules"][result.at("ruleIndex").get<std::size_t>()].at("id"), "intr");
  EXPECT_EQ(result.at("level"), "error");
  EXPECT_TRUE(result.at("message").at("text").is_string());
  const auto& where = result.at("locations").at(0).at("physicalLocation");
  EXPECT_EQ(where.at("artifactLocation").at("uri"), "a.c");
  EXPECT_TRUE(
      run.at("originalUriBaseIds").contains(where["artifactLocation"].at("uriBaseId").get<std::string>()));
  EXPECT_EQ(where.at("region").at("startLine"), 4);
  const auto& steps = result.at("codeFlows").at(0).at("threadFlows").at(0).at("locations");
  ASSERT_EQ(steps.size(), 2u);
  for (const auto& s : steps) {
    EXPECT_TRUE(s.at("location").at("message").at("text").is_string());
    EXPECT_GE(s["location"].at("physicalLocation").at("region").at("startLine"), 1);
  }
  EXPECT_EQ(result.at("partialFingerprints").size(), 1u);
}

TEST_F(Report, SarifOfNothingIsStillALog) {
  auto j = nlohmann::json::parse(sarif_report(input({}), sources_));
  EXPECT_TRUE(j["runs"][0].at("results").is_array());
  EXPECT_TRUE(j["runs"][0]["results"].empty());
}

TEST_F(Report, JsonAndHtmlSurviveStrangeBytes) {
  Finding f = finding(4);
  f.message = "bad \xff byte";
  EXPECT_EQ(nlohmann::json::parse(json_report(input({f}), sources_)).at("findings").size(), 1u);
  std::string page = html_report(input({finding(4)}), sources_);
  EXPECT_THAT(page, testing::HasSubstr("exit with &lt;interrupts&gt; off"));
  EXPECT_THAT(page, testing::HasSubstr("1. now off"));
}

TEST_F(Report, BaselineSurvivesMovedLines) {
  std::vector<Finding> before{finding(4)};
  std::ofstream(dir_ + "/base.json") << Baseline::write(before, sources_, dir_);
  auto baseline = Baseline::read(dir_ + "/base.json");
  ASSERT_TRUE(baseline.has_value());
  write("/* new */\n\n\nint f(void)\n{\n\tcli();\n    return 0;\n}\n");
  SourceText fresh;
  std::vector<Finding> after{finding(7)};
  EXPECT_EQ(remove_known(after, *baseline, fresh, dir_), 1u);
  EXPECT_TRUE(after.empty());
  std::vector<Finding> other{finding(6)};
  EXPECT_EQ(remove_known(other, *baseline, fresh, dir_), 0u);
}

TEST_F(Report, BrokenBaselinesAreRefused) {
  EXPECT_FALSE(Baseline::read(dir_ + "/none").has_value());
  for (const char* text : {"", "[]", "{}", "{\"metal-baseline\": 1}", "{\"metal-baseline\": [{}]}"}) {
    std::ofstream(dir_ + "/bad.json") << text;
    EXPECT_FALSE(Baseline::read(dir_ + "/bad.json").has_value()) << text;
  }
}

TEST_F(Report, ACommentWithIdAndReasonSuppresses) {
  write("a\nb\n\tcli();\n\treturn 0; // metal-ok: intr the caller turns them on\n");
  std::vector<Finding> list{finding(4)};
  EXPECT_EQ(remove_suppressed(list, sources_), 1u);
}

TEST_F(Report, ACommentWithoutReasonOrForAnotherRuleDoesNot) {
  for (const char* comment : {"// metal-ok: intr", "/* metal-ok: intr */", "// metal-ok: intr2 why not",
                              "// metal-ok: other because"}) {
    write(std::string("a\nb\nc\n\treturn 0; ") + comment + "\n");
    SourceText fresh;
    std::vector<Finding> list{finding(4)};
    EXPECT_EQ(remove_suppressed(list, fresh), 0u) << comment;
  }
}

TEST_F(Report, NewSinceKeepsWhatTouchesAChange) {
  ChangedLines changed = parse_diff("--- a/a.c\n+++ b/a.c\n@@ -3 +3,1 @@\n+x\n@@ -9,2 +8,0 @@\n", dir_);
  std::vector<Finding> list{finding(4), finding(20)};
  EXPECT_EQ(keep_new(list, changed), 1u);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].at.line, 4u);
  std::vector<Finding> beside{finding(9)};
  EXPECT_EQ(keep_new(beside, changed), 0u);
}

}  // namespace
}  // namespace quire::metal
