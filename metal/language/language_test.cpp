#include <gtest/gtest.h>

#include "metal/language/check.h"
#include "metal/language/parser.h"

namespace quire::metal::rule {
namespace {

struct Parsed {
  RuleFile file;
  std::string text;
  bool errors;
};

Parsed parse(const std::string& text) {
  RuleSource source("t.metal", text);
  Diagnostics d;
  RuleFile f = parse_rules(source, d);
  if (!d.has_errors()) check_rules(f, d);
  return {std::move(f), d.render(source, false), d.has_errors()};
}

// Published in March 2001; the closing brace added.
constexpr const char* kInterrupts = R"({ #include "linux-includes.h" }
sm check_interrupts {
  // Variables used in patterns
  decl { unsigned } flags;

  // Patterns to specify enable/disable functions
  pat enable = { sti(); }
             | { restore_flags(flags); };
  pat disable = { cli(); };

  // States
  // The first state is the initial state
  is_enabled: disable ==> is_disabled
     | enable ==> { err("double enable"); };
  is_disabled: enable ==> is_enabled
     | disable ==> { err("double disable"); }
     // Special pattern that matches when the SM
     // hits the end of any path in this state
     | $end_of_path$ ==> { err("exiting w/intr disabled!"); };
}
)";

TEST(Language, LoadsTheInterruptCheckerOf2001) {
  Parsed p = parse(kInterrupts);
  EXPECT_EQ(p.text, "");
  ASSERT_EQ(p.file.machines.size(), 1u);
  const Machine& m = p.file.machines[0];
  EXPECT_EQ(m.name, "check_interrupts");
  EXPECT_EQ(m.meta.id, "check_interrupts");
  ASSERT_EQ(m.clauses.size(), 2u);
  EXPECT_EQ(m.clauses[1].transitions.size(), 3u);
  EXPECT_EQ(m.patterns[0].pattern.parts.size(), 2u);
  EXPECT_EQ(p.file.preambles[0].text, " #include \"linux-includes.h\" ");
}

TEST(Language, LoadsTheBareDialectOf2002) {
  Parsed p = parse(R"(state decl any_pointer v;
start: { kfree(v) } ==> v.freed;
v.freed: { *v } ==> v.stop, { err("using %s after free!", mc_identifier(v)); }
       | { kfree(v) } ==> v.stop, { err("double free of %s!", mc_identifier(v)); };
)");
  EXPECT_EQ(p.text, "");
  ASSERT_EQ(p.file.machines.size(), 1u);
  EXPECT_EQ(p.file.machines[0].name, "t");
  EXPECT_TRUE(p.file.machines[0].holes[0].state_variable);
  EXPECT_TRUE(p.file.machines[0].clauses[1].transitions[0].target.always[0].stop());
}

TEST(Language, ReadsPathSpecificTargetsAndCallouts) {
  Parsed p = parse(R"(
rule "locks" { severity: error; text: "a" " b"; category: "CWE-667"; fix: "unlock"; }
sm locks {
  state decl any_pointer l;
  decl any_fn_call fn;
  decl any_arguments args;
  data depth;
  list quiet = "a", "b", file("names.txt");
  set limit = 0x10;
  start: { trylock(l) } ==> true = l.locked, false = l.stop
       | { fn(args) } && ${ mc_is_call_to(fn, "gets") && !mc_in(fn, quiet) } ==> { warn("gets"); };
  l.locked: { lock(l) } ==> { l.depth += 1; if (l.depth > limit) err("deep %d", l.depth); else note("ok"); }
          | ({ unlock(l) } || { unlock_all() }) ==> l.stop;
})");
  EXPECT_EQ(p.text, "");
  const Machine& m = p.file.machines.at(0);
  EXPECT_EQ(m.meta.id, "locks");
  EXPECT_EQ(m.meta.text, "a b");
  const Target& t = m.clauses[0].transitions[0].target;
  EXPECT_TRUE(t.path_specific);
  EXPECT_EQ(t.if_true[0].state, "locked");
  EXPECT_TRUE(t.if_false[0].stop());
  EXPECT_EQ(m.settings[0].value, 16);
  EXPECT_EQ(m.lists[0].files.size(), 1u);
}

TEST(Language, DrawsACaretAndAHint) {
  Parsed p = parse("sm a {\n  s: foo ==> t;\n  pat fooo = { x() };\n}\n");
  EXPECT_TRUE(p.errors);
  EXPECT_NE(p.text.find("t.metal:2:6: error: unknown pattern 'foo'\n  s: foo ==> t;\n     ^~~\n     hint: "
                        "did you mean 'fooo'?"),
            std::string::npos)
      << p.text;
}

struct Bad {
  const char* text;
  const char* message;
};

class BadRule : public testing::TestWithParam<Bad> {};

TEST_P(BadRule, IsExplained) {
  Parsed p = parse(GetParam().text);
  EXPECT_TRUE(p.errors);
  EXPECT_NE(p.text.find(GetParam().message), std::string::npos) << p.text;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRule,
    testing::Values(Bad{"sm a { s: { f() } ==> t; }", "unknown state 't'"},
                    Bad{"sm a { s: { f( } ==> ", "expected"}, Bad{"sm a { s: { f() }", "expected '==>'"},
                    Bad{"sm a { decl unsigned x; s: { f(x) } ==> s; }", "unknown meta type 'unsigned'"},
                    Bad{"sm a { decl { } x; s: { f(x) } ==> s; }", "this type is empty"},
                    Bad{"sm a { s: { } ==> s; }", "this pattern is empty"},
                    Bad{"sm a { s: $end_of_pth$ ==> s; }", "did you mean '$end_of_path$'"},
                    Bad{"sm a { s: { f() } ==> { er(\"x\"); }; }", "did you mean 'err'"},
                    Bad{"sm a { s: { f() } ==> { err(\"%s\"); }; }", "wants 1 value and is given 0"},
                    Bad{"sm a { s: { f() } ==> { err(\"%x\"); }; }", "'%x' is not a conversion"},
                    Bad{"sm a { s: ${ mc_in_file(\"x\") } ==> s; }", "can match nothing"},
                    Bad{"sm a { state decl any_pointer v; s: { f() } ==> v.x; v.x: { g(v) } ==> v.stop; }",
                        "nothing binds 'v'"},
                    Bad{"sm a { s: { f() } ==> v.x; }", "'v' is not a state variable"},
                    Bad{"sm a { pat p = q; pat q = p; s: p ==> s; }", "is defined by itself"},
                    Bad{"sm a { } ", "has no states"},
                    Bad{"sm a { s: { f() } ==> s; } sm a { s: { f() } ==> s; }", "stands above"},
                    Bad{"rule \"x\" { severity: awful; }", "unknown severity"},
                    Bad{"rule \"x\" { colour: \"red\"; } sm a { s: { f() } ==> s; }",
                        "unknown property 'colour'"},
                    Bad{"rule \"x\" { }", "no machine follows"},
                    Bad{"sm a { s: { f() } ==> { depth = 1; }; }", "unknown data field 'depth'"},
                    Bad{"sm a { state decl any_arguments v; s: { f(v) } ==> s; }", "cannot carry a state"},
                    Bad{"sm a { s: { f() } ==> { err(\"x); }; }", "never closed"},
                    Bad{"sm a { stop: { f() } ==> stop; }", "'stop' is not a state"},
                    Bad{"\x01", "has no meaning"}, Bad{"/* ", "never closed"}, Bad{"sm", "expected"},
                    Bad{"sm a { s: ! { f() } ==> s; }", "'!' needs a callout"},
                    Bad{"sm a { s: { f() } ==> { if (err(\"x\")) note(\"y\"); }; }", "has no value"},
                    Bad{"sm a { set x = 99999999999999999999; s: { f() } ==> s; }", "too large"}));

TEST(Language, WarnsOfWhatIsUseless) {
  Parsed p = parse("sm a { decl any_expr x; s: { f() } ==> s; t: { g() } ==> s; }");
  EXPECT_FALSE(p.errors);
  EXPECT_NE(p.text.find("the hole 'x' is never used"), std::string::npos);
  EXPECT_NE(p.text.find("no transition leads to the state 't'"), std::string::npos);
}

TEST(Language, SurvivesDeepNestingAndCutFiles) {
  parse("sm a { s: " + std::string(100000, '(') + " } ==> s; }");
  parse("sm a { s: { f() } ==> { err(\"a\", " + std::string(100000, '-') + "1); }; }");
  parse("sm a { s: { f() } ==> " + std::string(100000, '{') + "; }");
  std::string whole = kInterrupts;
  for (std::size_t i = 0; i <= whole.size(); ++i) parse(whole.substr(0, i));
  parse(std::string(1000000, '\x02'));
}

TEST(Language, GoesOnAfterAMistake) {
  Parsed p = parse("sm a { pat x = ; pat y = ; s: { f() } ==> { err(1); err(\"ok\"); } | { g() } ==> z; }");
  EXPECT_GE(std::count(p.text.begin(), p.text.end(), '^'), 2);
}

}  // namespace
}  // namespace quire::metal::rule
