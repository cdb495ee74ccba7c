// Golden dumps: golden/NAME.c(pp) is extracted and compared with golden/NAME.txt. To accept what comes out
// now, run with METAL_ACCEPT_GOLDEN=1 and read the difference.
#include "metal/front/extract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "metal/front/files.h"

namespace quire::metal {
namespace {

struct Golden {
  const char* name;
  const char* source;
  std::vector<std::string> flags;
};

void PrintTo(const Golden& g, std::ostream* out) { *out << g.name; }

/// Types without a name are called by their place: that of this checkout must not count.
std::string without_folder(std::string text) {
  const std::string folder = std::string(METAL_GOLDEN) + "/";
  for (std::size_t at = text.find(folder); at != std::string::npos; at = text.find(folder, at))
    text.erase(at, folder.size());
  return text;
}

class GoldenTest : public testing::TestWithParam<Golden> {};

TEST_P(GoldenTest, Dump) {
  const Golden& golden = GetParam();
  CompileCommand command{METAL_GOLDEN, golden.source, golden.flags};
  Symbols symbols;
  const auto unit = extract(command, symbols);
  ASSERT_TRUE(unit) << unit.error().what;
  const std::string text = without_folder(dump(*unit));
  const std::string path = std::string(METAL_GOLDEN) + "/" + golden.name + ".txt";
  if (std::getenv("METAL_ACCEPT_GOLDEN") != nullptr) std::ofstream(path) << text;
  const auto expected = read_file(path);
  ASSERT_TRUE(expected) << path;
  EXPECT_EQ(text, *expected);
  // What is stored is what was made.
  auto stored = decode(encode(*unit), symbols);
  ASSERT_TRUE(stored) << stored.error().what;
  EXPECT_EQ(without_folder(dump(*stored)), text);
}

INSTANTIATE_TEST_SUITE_P(Front, GoldenTest,
                         testing::Values(Golden{"flow", "flow.c", {}},
                                         Golden{"expressions", "expressions.c", {}},
                                         Golden{"macros", "macros.c", {}},
                                         Golden{"old", "old.c", {"-std=gnu89"}},
                                         Golden{"classes", "classes.cpp", {"-std=c++17"}},
                                         Golden{"exceptions", "exceptions.cpp", {"-std=c++17"}},
                                         Golden{"templates", "templates.cpp", {"-std=c++17"}}),
                         [](const auto& instance) { return std::string(instance.param.name); });

/// A folder of its own for a test.
class ExtractTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "metal-extract-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { ASSERT_EQ(system(("rm -r " + folder_).c_str()), 0); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  Unit unit(const std::string& name, std::vector<std::string> flags = {}) {
    auto made = extract({folder_, name, std::move(flags)}, symbols_);
    EXPECT_TRUE(made) << made.error().what;
    return made ? std::move(*made) : Unit();
  }
  std::vector<std::string> names(const Unit& unit) {
    std::vector<std::string> out;
    for (const Function& f : unit.functions) out.emplace_back(f.name.text());
    return out;
  }

  std::string folder_;
  Symbols symbols_;
};

TEST_F(ExtractTest, OnlyInlinesThatAreReachedComeFromHeaders) {
  write("h.h",
        "static inline int deep(void) { return 1; }\nstatic inline int used(void) { return deep(); }\n"
        "static inline int unused(void) { return 2; }\nstatic inline int from_table(void) { return 3; }\n");
  write("a.c", "#include \"h.h\"\nint f(void) { return used(); }\nint (*table[])(void) = {from_table};\n");
  write("b.c", "\n\n#include \"h.h\"\nint g(void) { return used(); }\n");
  const Unit a = unit("a.c");
  const Unit b = unit("b.c");
  EXPECT_THAT(names(a), testing::UnorderedElementsAre("f", "used", "deep", "from_table"));
  EXPECT_THAT(names(b), testing::UnorderedElementsAre("g", "used", "deep"));
  // The same inline is the same, wherever it comes from.
  const auto hash = [](const Unit& u, std::string_view name) {
    for (const Function& f : u.functions)
      if (f.name.text() == name) return f.hash;
    return ContentHash{};
  };
  EXPECT_EQ(hash(a, "used"), hash(b, "used"));
  EXPECT_NE(hash(a, "used"), hash(a, "deep"));
  EXPECT_NE(hash(a, "used"), ContentHash{});
}

TEST_F(ExtractTest, BrokenSourceStillGivesFunctions) {
  write("a.c",
        "int f(int x) { return x + nowhere; }\nint g(void) { return 1; }\nint h(;\nint k(void) { return "
        "2; }\n");
  const Unit u = unit("a.c");
  EXPECT_GE(u.errors, 2u);
  EXPECT_FALSE(u.incomplete);
  EXPECT_EQ(u.functions_with_errors, 1u);
  EXPECT_THAT(names(u), testing::IsSupersetOf({"f", "g", "k"}));
  ASSERT_FALSE(u.diagnostics.empty());
  EXPECT_EQ(u.diagnostics[0].line, 1u);
  write("b.c", "#include \"missing.h\"\nint f(void) { return 1; }\n");
  EXPECT_TRUE(unit("b.c").incomplete);
}

TEST_F(ExtractTest, NoFileAndNoSense) {
  EXPECT_FALSE(extract({folder_, "none.c", {}}, symbols_));
  write("a.c", "int f(void) { return 1; }\n");
  EXPECT_FALSE(extract({folder_ + "/nowhere", folder_ + "/a.c", {}}, symbols_));
}

TEST_F(ExtractTest, DeepNestingIsSurvived) {
  std::string sum = "int f(int x) { return x", ladder = "int g(int x) {\n";
  for (int i = 0; i < 20000; ++i) sum += "+x";
  for (int i = 0; i < 3000; ++i) ladder += "if (x == " + std::to_string(i) + ") return 1; else ";
  write("a.c", sum + "; }\n");
  write("b.c", ladder + "return 0; }\n");
  EXPECT_THAT(names(unit("a.c")), testing::ElementsAre("f"));
  EXPECT_THAT(names(unit("b.c")), testing::ElementsAre("g"));
}

TEST_F(ExtractTest, LambdasHaveNamesOfTheirOwn) {
  // The two stand in one expansion; the third has a destructor, and the first is made a pointer.
  write("a.cc",
        "#define EACH(a, b) use(a); use(b)\nstruct Own { Own(const Own&); ~Own(); };\n"
        "using Plain = int (*)(int); int use(Plain);\nvoid keep_it(void*);\n"
        "template <class F> void keep(F f) { keep_it(&f); }\n"
        "void f(const Own& o) {\n  EACH([](int i) { return i; }, [](int i) { return i + 1; });\n"
        "  keep([o] { return 1; });\n}\n");
  std::set<std::string_view> links, bodies, called;
  const Unit u = unit("a.cc");
  for (const Function& f : u.functions) {
    links.insert(f.link.text());
    if (f.name.text() != "f") continue;
    for (u32 i = 0; i < f.pool.size(); ++i)
      if (const Expr& e = f.pool[ExprId(i)]; e.kind == ExprKind::Lambda)
        bodies.insert(e.name.text());
      else if (e.kind == ExprKind::Function)
        called.insert(f.pool.function(e).link.text());
  }
  EXPECT_EQ(links.size(), u.functions.size());
  // To make a pointer of one does not call it.
  EXPECT_EQ(bodies.size(), 3u);
  for (std::string_view b : bodies) {
    EXPECT_TRUE(links.contains(b)) << b;
    EXPECT_FALSE(called.contains(b)) << b;
  }
}

TEST_F(ExtractTest, OrderDoesNotDependOnTheFolder) {
  const std::string text =
      "struct Own { Own(const Own&); ~Own(); };\ntemplate <class F> void keep(F f) { f(); }\n"
      "#define TWO(n) int a##n() { return 1; } int b##n() { return 2; }\n"
      "TWO(1) TWO(2) TWO(3) TWO(4)\nvoid f(const Own& o) { keep([o] { return 1; }); keep([o] { return 2; }); "
      "}\n";
  std::vector<std::vector<std::string>> seen;
  for (int i = 0; i < 8; ++i) {
    const std::string name = "folder" + std::to_string(i * 7919) + ".cc";
    write(name, text);
    seen.push_back(names(unit(name)));
    EXPECT_EQ(seen.back(), seen.front()) << name;
  }
  EXPECT_GE(seen.front().size(), 10u);
}

TEST_F(ExtractTest, SameInputSameBytes) {
  write("a.c",
        "struct s { int x; }; static int f(struct s *p) { return p->x; }\nint g(void *q) { return f(q); }\n");
  Symbols other;
  const auto again = extract({folder_, "a.c", {}}, other);
  ASSERT_TRUE(again);
  EXPECT_EQ(encode(unit("a.c")), encode(*again));
}

}  // namespace
}  // namespace quire::metal
