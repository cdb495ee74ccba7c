// What a rule file says, as a tree. Made by parser.h, judged by check.h, run by metal/engine.
//
// Names are kept as written; the checker resolves them and the engine compiles them to indices.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metal/language/source.h"

namespace quire::metal::rule {

/// What a hole in a pattern may stand for.
enum class HoleKind {
  kType,          ///< an expression of the C or C++ type in Hole::type
  kAnyExpr,       ///< any expression
  kAnyScalar,     ///< any arithmetic, enumeration or pointer expression
  kAnyPointer,    ///< any pointer (in C++ also a reference or class object)
  kAnyArguments,  ///< the whole argument list of a call
  kAnyFnCall,     ///< the callee of any call
};

struct Hole {
  std::string name;
  HoleKind kind = HoleKind::kAnyExpr;
  std::string type;             ///< for kType: base-language text
  bool state_variable = false;  ///< `state decl`: each object bound here carries a state of its own
  Span span;
};

/// A piece of base language between braces, as written.
struct Fragment {
  std::string text;
  Span span;  ///< of the text inside the braces
};

// ---- the action language -------------------------------------------------------------------------

enum class ExprKind { kInteger, kString, kName, kMember, kCall, kNot, kNegate, kBinary };
enum class BinaryOp {
  kAdd,
  kSubtract,
  kMultiply,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAnd,
  kOr,
  kBitAnd
};

struct Expr {
  ExprKind kind = ExprKind::kInteger;
  Span span;
  i64 integer = 0;
  std::string text;    ///< string value, name, called function, or the variable of a member
  std::string member;  ///< for kMember: the data field
  BinaryOp op = BinaryOp::kAdd;
  std::vector<Expr> args;  ///< operands or arguments
};

enum class StmtKind { kExpr, kAssign, kIf, kForEach, kBlock };

struct Stmt {
  StmtKind kind = StmtKind::kExpr;
  Span span;
  Expr target;               ///< kAssign: name or member; kForEach: the variable as a name
  Expr value;                ///< kExpr, kAssign: the value; kIf: the condition
  std::string state;         ///< kForEach: the state that is enumerated
  std::vector<Stmt> body;    ///< kIf, kForEach, kBlock
  std::vector<Stmt> orelse;  ///< kIf
};

// ---- patterns ------------------------------------------------------------------------------------

enum class PatternKind { kFragment, kCallout, kSpecial, kName, kOr, kAnd, kNot };
enum class SpecialPattern { kEndOfPath, kStartOfPath, kVariable };

struct Pattern {
  PatternKind kind = PatternKind::kFragment;
  Span span;
  Fragment fragment;
  Expr callout;
  SpecialPattern special = SpecialPattern::kEndOfPath;
  std::string name;
  std::vector<Pattern> parts;
};

// ---- machines ------------------------------------------------------------------------------------

/// `state`, `var.state` or, for kStop, `var.stop`.
struct StateName {
  std::string variable;  ///< empty for a global state
  std::string state;
  Span span;
  bool stop() const { return state == "stop"; }
};

/// Where a transition leads. Empty lists leave the state as it is.
struct Target {
  bool path_specific = false;
  std::vector<StateName> always;    ///< at most one for each variable and one global
  std::vector<StateName> if_true;   ///< path_specific only
  std::vector<StateName> if_false;  ///< path_specific only
};

struct Transition {
  Pattern pattern;
  Target target;
  std::vector<Stmt> action;
  Span span;
};

/// `state, state: pattern ==> ... | pattern ==> ... ;`
struct StateClause {
  std::vector<StateName> states;
  std::vector<Transition> transitions;
  Span span;
};

struct NamedPattern {
  std::string name;
  Pattern pattern;
  Span span;
};

/// `list NAME = "a", "b", file("names.txt");`
struct NameList {
  std::string name;
  std::vector<std::string> words;
  std::vector<std::pair<std::string, Span>> files;  ///< relative to the rule file
  Span span;
};

/// `set NAME = 1024;`: a setting that a project file may change.
struct Setting {
  std::string name;
  i64 value = 0;
  Span span;
};

/// What `rule ID { ... }` before a machine says.
struct Metadata {
  std::string id;
  Span span;
  std::string severity = "error";  ///< error, warning or note
  std::string text;
  std::string category;
  std::string example;
  std::string fix;
  std::string false_positives;
};

struct Machine {
  std::string name;
  Span span;
  Metadata meta;
  bool wrapped = true;  ///< false for the 2002 form with no `sm`
  std::vector<Hole> holes;
  std::vector<std::string> data;  ///< integers that each instance, and the global state, carries
  std::vector<NamedPattern> patterns;
  std::vector<NameList> lists;
  std::vector<Setting> settings;
  std::vector<StateClause> clauses;
};

/// One rule file.
struct RuleFile {
  std::vector<Fragment> preambles;
  std::vector<Machine> machines;
};

}  // namespace quire::metal::rule
