#include "metal/front/old_source.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace quire::metal {
namespace {

std::string fixed(std::string_view text) { return fix_old_source(text).value_or("unchanged"); }

TEST(OldSource, LineBreaksInStrings) {
  EXPECT_EQ(fixed("a = \"x\ny\";"), "a = \"x\\n\\\ny\";");
  EXPECT_EQ(fixed("asm(\"mov\n\tadd\\n\n\" : \"=r\"(x));"),
            "asm(\"mov\\n\\\n\tadd\\n\\n\\\n\" : \"=r\"(x));");
  EXPECT_EQ(fixed("a = \"x\\\ny\";"), "unchanged");
  EXPECT_EQ(fixed("char c = '\"'; a = \"x\";"), "unchanged");
  EXPECT_EQ(fixed("/* it's \"odd\n */ int x; // don't\n#error can't \"do\n#if 0\nint y;\n#endif\n"),
            "unchanged");
}

TEST(OldSource, CastsOnTheLeft) {
  EXPECT_EQ(fixed("f(); (char *)p = q;"), "f();         p = q;");
  EXPECT_EQ(fixed("{ (unsigned char *) a->b += 2; }"), "{                   a->b += 2; }");
  EXPECT_EQ(fixed("{ (void) f(x); }"), "unchanged");
  EXPECT_EQ(fixed("{ (char *)p == q; }"), "unchanged");
  EXPECT_EQ(fixed("x = (char *)p;"), "unchanged");
  EXPECT_EQ(fixed("{ (int) x = 3; }"), "unchanged");
}

TEST(OldSource, ArraysBeforeTheirType) {
  EXPECT_EQ(fixed("#define N 4\nextern struct s a[N];\nstruct s { int x; };\n"),
            "#define N 4\nextern struct s *a;\nstruct s { int x; };\n");
  EXPECT_EQ(fixed("struct s { int x; };\nextern struct s a[4];\n"), "unchanged");
  EXPECT_EQ(fixed("extern struct s a[4];\n"), "unchanged");
}

TEST(OldSource, StepsThroughCasts) {
  EXPECT_EQ(fixed("x = *((char *)b)++;"), "x = *(        b)++;");
  EXPECT_EQ(fixed("((char *) d) += 3;"), "(         d) += 3;");
  EXPECT_EQ(fixed("x = ((char *)b) + 1;"), "unchanged");
  EXPECT_EQ(fixed("x = ((int)b)++;"), "unchanged");
}

TEST(OldSource, ArrayParameters) {
  EXPECT_EQ(fixed("int f(struct m a[], int n, struct k b[]);"), "int f(struct m *a, int n, struct k *b);");
  EXPECT_EQ(fixed("struct m a[], b[];"), "unchanged");
}

TEST(OldSource, LinesStay) {
  const std::string text = "a\n\"b\nc\nd\";\n(char *)e = f;\n";
  const std::string out = fixed(text);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), std::count(out.begin(), out.end(), '\n'));
}

TEST(OldSource, UnfinishedThings) {
  for (const char* text : {"\"", "\"a\n", "'", "/*", "/", "(char *)", "extern struct ", "#", "\\", "\"\\"})
    fix_old_source(text);  // whatever comes out, it comes
}

}  // namespace
}  // namespace quire::metal
