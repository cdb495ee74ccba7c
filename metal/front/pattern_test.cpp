#include "metal/front/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <fstream>

namespace quire::metal {
namespace {

HoleDecl any(const char* name, HoleType type) { return {name, type, "", false}; }
HoleDecl typed(const char* name, const char* type) { return {name, HoleType::Typed, type, false}; }

/// The text of each fragment's tree, or its error.
std::vector<std::string> texts(PatternRequest request, std::vector<std::string> fragments) {
  static Symbols symbols;
  request.fragments = std::move(fragments);
  const PatternResult result = parse_patterns(request, symbols);
  std::vector<std::string> out;
  for (const auto& p : result.patterns) {
    if (p == nullptr) {
      out.emplace_back("none");
      continue;
    }
    std::string text = p->kind == PatternKind::Return        ? "return "
                       : p->kind == PatternKind::Declaration ? "declare "
                                                             : "";
    out.push_back(text + to_text(p->pool, p->root) +
                  (p->init != kNoExpr ? " = " + to_text(p->pool, p->init) : ""));
  }
  for (const PatternError& e : result.errors)
    out.push_back(std::string(e.where == PatternError::Where::Fragment   ? "fragment"
                              : e.where == PatternError::Where::Preamble ? "preamble"
                                                                         : "hole") +
                  " " + std::to_string(e.index) + "+" + std::to_string(e.offset) + ": " + e.message);
  return out;
}

TEST(Pattern, UndeclaredFunctionsAndTypedHoles) {
  PatternRequest r;
  r.holes = {typed("flags", "unsigned")};
  EXPECT_THAT(texts(r, {"sti();", "restore_flags(flags);", "cli()"}),
              testing::ElementsAre("sti()", "restore_flags(flags)", "cli()"));
}

TEST(Pattern, UntypedHolesAreRetried) {
  PatternRequest r;
  r.holes = {any("v", HoleType::AnyPointer), any("e", HoleType::AnyExpr), any("fn", HoleType::AnyCall),
             any("args", HoleType::AnyArguments), any("s", HoleType::AnyScalar)};
  EXPECT_THAT(texts(r, {"kfree(v)", "*v", "v->f", "v->f->g", "v[e]", "v = kmalloc(args)", "fn(args)",
                        "return v;", "v == 0", "!v", "s & 1", "*s", "e(args)", "v + 1", "s = e", "&v->lock"}),
              testing::ElementsAre("kfree(v)", "*v", "v->f", "v->f->g", "v[e]", "v = kmalloc(args)",
                                   "fn(args)", "return v", "v == 0", "!v", "s & 1", "*s", "e(args)", "v + 1",
                                   "s = e", "&v->lock"));
}

TEST(Pattern, PrototypesDoNotStopArgumentHoles) {
  PatternRequest r;
  r.preamble = "void *kmalloc(unsigned long n, int flags); struct s { int lock; };";
  r.holes = {any("v", HoleType::AnyPointer), any("args", HoleType::AnyArguments), typed("p", "struct s *")};
  EXPECT_THAT(texts(r, {"v = kmalloc(args)", "down(&p->lock)", "kmalloc(args)"}),
              testing::ElementsAre("v = kmalloc(args)", "down(&p->lock)", "kmalloc(args)"));
}

TEST(Pattern, MacrosOfThePreambleAreNotExpanded) {
  PatternRequest r;
  r.preamble =
      "#define cli() __asm__ __volatile__(\"cli\")\n#define GFP_KERNEL (0x10 | 2)\n#define lock(l) do { } "
      "while (0)\n";
  r.holes = {any("n", HoleType::AnyScalar), any("l", HoleType::AnyPointer)};
  Symbols symbols;
  r.fragments = {"cli();", "kmalloc(n, GFP_KERNEL)", "lock(l)", "kmalloc(n, GFP_ATOMIC)"};
  const PatternResult result = parse_patterns(r, symbols);
  ASSERT_TRUE(result.errors.empty()) << result.errors[0].message;
  const Pool& pool = result.patterns[1]->pool;
  EXPECT_EQ(to_text(pool, result.patterns[1]->root), "kmalloc(n, GFP_KERNEL)");
  EXPECT_EQ(fold(pool, pool.kid(result.patterns[1]->root, 2)), 0x12);
  EXPECT_EQ(to_text(result.patterns[0]->pool, result.patterns[0]->root), "cli()");
  EXPECT_EQ(to_text(result.patterns[2]->pool, result.patterns[2]->root), "lock(l)");
  EXPECT_EQ(to_text(result.patterns[3]->pool, result.patterns[3]->root), "kmalloc(n, GFP_ATOMIC)");
}

TEST(Pattern, Declarations) {
  PatternRequest r;
  r.holes = {any("x", HoleType::AnyExpr), any("e", HoleType::AnyScalar)};
  EXPECT_THAT(texts(r, {"int x;", "unsigned long x = e;", "char x[10]"}),
              testing::ElementsAre("declare x", "declare x = e", "declare x"));
}

TEST(Pattern, ErrorsSayWhere) {
  PatternRequest r;
  r.holes = {typed("p", "struct nowhere_type_t foo *"), any("v", HoleType::AnyPointer),
             typed("q", "inode_t *")};
  const auto out = texts(r, {"kfree(w)", "kfree(v", "a b", "f(v); g(v);", "kfree(v)", ""});
  EXPECT_EQ(out[4], "kfree(v)");
  const std::string all = testing::PrintToString(out);
  EXPECT_THAT(all, testing::HasSubstr("fragment 0+6: use of undeclared identifier 'w'"));
  EXPECT_THAT(all, testing::HasSubstr("fragment 1+"));
  EXPECT_THAT(all, testing::HasSubstr("fragment 2+"));
  EXPECT_THAT(all, testing::HasSubstr("fragment 5+0: the pattern is empty"));
  EXPECT_THAT(all, testing::HasSubstr("hole 2+0: unknown type name 'inode_t'"));
}

TEST(Pattern, BrokenPreambleComesAlone) {
  PatternRequest r;
  r.preamble = "int a;\nint b c;\n";
  const auto out = texts(r, {"f()", "g("});
  EXPECT_THAT(out.back(), testing::StartsWith("preamble 0+12"));
  PatternRequest missing;
  missing.preamble = "#include \"not-there.h\"";
  EXPECT_THAT(texts(missing, {"f()"}).back(), testing::HasSubstr("'not-there.h' file not found"));
}

TEST(Pattern, IncludesComeFromTheRulesFolder) {
  const std::string folder = testing::TempDir() + "metal-pattern-" + std::to_string(getpid());
  ASSERT_EQ(system(("mkdir -p " + folder).c_str()), 0);
  std::ofstream(folder + "/h.h") << "typedef struct { int x; } thing_t; void take(thing_t *);\n";
  PatternRequest r;
  r.directory = folder;
  r.preamble = "#include \"h.h\"";
  r.holes = {typed("t", "thing_t *")};
  EXPECT_THAT(texts(r, {"take(t)", "t->x"}), testing::ElementsAre("take(t)", "t->x"));
  ASSERT_EQ(system(("rm -r " + folder).c_str()), 0);
}

TEST(Pattern, HoleTypesAreKept) {
  PatternRequest r;
  r.holes = {typed("u", "unsigned"), any("v", HoleType::AnyExpr)};
  r.fragments = {"f(u, v)"};
  Symbols symbols;
  const PatternResult result = parse_patterns(r, symbols);
  ASSERT_NE(result.patterns[0], nullptr);
  const Pattern& p = *result.patterns[0];
  EXPECT_EQ(p.pool.type(p.hole_types[0]).kind, TypeKind::Integer);
  EXPECT_FALSE(p.pool.type(p.hole_types[0]).is_signed);
  EXPECT_EQ(p.hole_types[1], kNoType);
  EXPECT_TRUE(p.hole_used[0] && p.hole_used[1]);
}

TEST(Pattern, Cxx) {
  PatternRequest r;
  r.language = Language::Cxx;
  r.preamble = "struct Mutex { void lock(); void unlock(); }; namespace ns { struct G { G(Mutex&); }; }";
  r.holes = {any("v", HoleType::AnyExpr), typed("m", "Mutex"), any("p", HoleType::AnyPointer)};
  EXPECT_THAT(
      texts(r, {"v.lock()", "m.unlock()", "delete p", "p->f()", "*p", "return v", "v = p", "v(p)", "free(p)",
                "p[v]", "ns::G g(m)", "delete[] p"}),
      testing::ElementsAre("lock(&v)", "Mutex::unlock(&m)", "delete p", "f(p)", "*p", "return v", "v = p",
                           "v(p)", "free(p)", "p[v]", "declare g = ns::G::G(&g, m)", "delete[] p"));
}

}  // namespace
}  // namespace quire::metal
