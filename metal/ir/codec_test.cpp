#include "metal/ir/codec.h"

#include <gtest/gtest.h>
#include <llvm/Support/xxhash.h>

#include <random>

#include "base/byte_order.h"

namespace quire::metal {
namespace {

/// A unit with one of everything.
Unit sample(Symbols& symbols) {
  Unit unit;
  unit.main_file = "/x/a.c";
  unit.dependencies = {{"/x/a.c", 10, 123456789, 42}, {"/x/h.h", 20, -1, 43}};
  Function f;
  f.name = f.link = symbols.intern("f");
  f.files = {symbols.intern("/x/a.c")};
  f.at = {3, 5, 0};
  f.end = {9, 1, 0};
  Type integer;
  integer.kind = TypeKind::Integer;
  integer.is_signed = true;
  integer.size = 4;
  integer.spelling = symbols.intern("int");
  const TypeId int_type = f.pool.add_type(integer);
  Type pointer;
  pointer.kind = TypeKind::Pointer;
  pointer.element = int_type;
  pointer.spelling = symbols.intern("int *");
  const TypeId pointer_type = f.pool.add_type(pointer);
  f.locals.push_back({symbols.intern("p"), pointer_type, 8, true, false, false, true, {3, 10, 0}});
  f.parameter_count = 1;
  Expr var;
  var.kind = ExprKind::Var;
  var.name = symbols.intern("p");
  var.type = pointer_type;
  const ExprId p = f.pool.add(var, {});
  Expr deref;
  deref.kind = ExprKind::Deref;
  deref.type = int_type;
  const ExprId value = f.pool.add(deref, std::array{p});
  Expr macro;
  macro.kind = ExprKind::Macro;
  macro.value = 1;
  macro.flags = kFunctionLike;
  macro.name = symbols.intern("GET");
  const ExprId wrapped = f.pool.add(macro, std::array{value, p});
  MacroUse use;
  use.name = macro.name;
  use.function_like = use.is_expression = true;
  use.at = {4, 2, 0};
  use.tree = wrapped;
  use.arguments = {{p, true}};
  f.macros.push_back(use);
  f.blocks.resize(3);
  Event e;
  e.expr = value;
  e.macro = MacroId(0);
  e.at = {4, 2, 0};
  f.blocks[0].events = {e};
  f.blocks[0].condition = wrapped;
  f.blocks[0].edges = {{BlockId(1), EdgeKind::True, 0, 0, kNoType},
                       {BlockId(2), EdgeKind::False, 0, 0, kNoType}};
  f.blocks[2].edges = {{BlockId(1), EdgeKind::Case, -5, 7, kNoType}};
  f.address_taken = {symbols.intern("g")};
  f.hash = content_hash(f);
  unit.functions.push_back(std::move(f));
  unit.stores.push_back({symbols.intern("ops"), symbols.intern("open"), symbols.intern("f"), true,
                         symbols.intern("o"), symbols.intern("/x/a.c"), 7});
  unit.globals.push_back({symbols.intern("o"), symbols.intern("o"), symbols.intern("struct ops"), true, true,
                          false, symbols.intern("/x/a.c"), 7});
  ClassInfo c;
  c.name = symbols.intern("D");
  c.bases = {symbols.intern("B")};
  c.methods = {{symbols.intern("run"),
                symbols.intern("void ()"),
                symbols.intern("_ZN1D3runEv"),
                {symbols.intern("b")}}};
  unit.classes.push_back(c);
  unit.exported = {symbols.intern("f")};
  unit.diagnostics = {{true, "/x/a.c", 3, 4, "no"}};
  unit.errors = 1;
  unit.incomplete = true;
  return unit;
}

TEST(Codec, KeepsEverything) {
  Symbols symbols;
  const Unit unit = sample(symbols);
  const auto read = decode(encode(unit), symbols);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(dump(*read), dump(unit));
  EXPECT_EQ(encode(*read), encode(unit));
  EXPECT_EQ(read->functions[0].hash, content_hash(read->functions[0]));
  EXPECT_EQ(read->dependencies[1].mtime_ns, -1);
  EXPECT_EQ(read->diagnostics[0].text, "no");
  EXPECT_TRUE(read->incomplete);
  const Pool& pool = read->functions[0].pool;
  EXPECT_EQ(pool.core(read->functions[0].macros[0].tree), read->functions[0].blocks[0].events[0].expr);
}

TEST(Codec, RefusesWhatIsNotWhole) {
  Symbols symbols;
  const std::string good = encode(sample(symbols));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(decode(good.substr(0, size), symbols)) << size;
  EXPECT_FALSE(decode(good + '\0', symbols));
  std::string other = good;
  other[4] ^= 1;
  EXPECT_EQ(decode(other, symbols).error().what, "a function file of another version");
  other = good;
  other.back() ^= 1;
  EXPECT_FALSE(decode(other, symbols));
}

TEST(Codec, SurvivesDamageBehindAGoodChecksum) {
  Symbols symbols;
  const std::string good = encode(sample(symbols));
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string bad = good;
    for (int i = 0; i < 1 + round % 4; ++i)
      bad[16 + random() % (bad.size() - 16)] = static_cast<char>(random());
    store(bad.data() + 8, u64{llvm::xxh3_64bits(llvm::StringRef(bad.data() + 16, bad.size() - 16))},
          std::endian::little);
    if (const auto read = decode(bad, symbols); read) dump(*read);
  }
}

TEST(Symbols, SameTextSameSymbol) {
  Symbols symbols;
  EXPECT_EQ(symbols.intern("a"), symbols.intern(std::string("a")));
  EXPECT_NE(symbols.intern("a"), symbols.intern("b"));
  EXPECT_FALSE(symbols.intern(""));
  EXPECT_FALSE(symbols.find("c"));
  EXPECT_EQ(symbols.find("a"), symbols.intern("a"));
}

TEST(Pool, TreesAreShared) {
  Symbols symbols;
  Pool pool;
  Expr one;
  one.kind = ExprKind::Int;
  one.value = 1;
  const ExprId a = pool.add(one, {});
  EXPECT_EQ(pool.add(one, {}), a);
  Expr plus;
  plus.kind = ExprKind::Binary;
  plus.op = Op::Add;
  const ExprId sum = pool.add(plus, std::array{a, a});
  EXPECT_EQ(pool.add(plus, std::array{a, a}), sum);
  EXPECT_EQ(fold(pool, sum), 2);
  Expr macro;
  macro.kind = ExprKind::Macro;
  macro.value = 1;
  macro.name = symbols.intern("TWO");
  const ExprId two = pool.add(macro, std::array{sum});
  EXPECT_EQ(pool.core(two), sum);
  const ExprId product = pool.add(plus, std::array{two, a});
  EXPECT_NE(pool.core(product), product);
  EXPECT_EQ(pool.core(product), pool.add(plus, std::array{sum, a}));
  EXPECT_EQ(to_text(pool, product), "TWO + 1");
  EXPECT_EQ(strip_macros(pool, two), sum);
  Expr divide = plus;
  divide.op = Op::Div;
  one.value = 0;
  EXPECT_EQ(fold(pool, pool.add(divide, std::array{a, pool.add(one, {})})), std::nullopt);
}

}  // namespace
}  // namespace quire::metal
