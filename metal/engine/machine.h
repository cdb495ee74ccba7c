// A rule made ready to run: patterns parsed by Clang, names turned into indices.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "metal/front/pattern.h"
#include "metal/language/ast.h"
#include "metal/language/check.h"

namespace quire::metal {

/// A callout that refines a pattern.
struct Guard {
  const rule::Expr* expr = nullptr;
  bool negated = false;
};

/// One way to match: at most one of fragments and special, and guards.
struct Alternative {
  std::vector<u32> fragments;  ///< all must match the same expression
  std::optional<rule::SpecialPattern> special;
  std::vector<Guard> guards;
};

/// Where a transition leads: -1 leaves the state alone.
struct Move {
  i32 global = -1;
  i32 state = -1;  ///< of the variable; kStop forgets the instance
  static constexpr i32 kStop = -2;
};

struct CompiledTransition {
  u32 id = 0;           ///< counted through the machine, in the order of the file
  i32 source_var = -1;  ///< state variable of the clause, or -1: a global state
  i32 source_state = 0;
  i32 var = -1;  ///< the state variable that it moves or binds (index into CompiledMachine::vars), or -1
  std::vector<Alternative> alternatives;
  bool path_specific = false;
  Move always, if_true, if_false;
  const std::vector<rule::Stmt>* action = nullptr;
  rule::Span span;
};

struct StateVariable {
  std::string name;
  u32 hole = 0;
  std::vector<std::string> states;
};

/// What the first fragments of a machine's alternatives look like: most expressions fit none, and are told so
/// at once.
struct Openings {
  std::unordered_set<Symbol> calls;  ///< calls of these functions, by the names that the rule knows them by
  bool any_call = false;             ///< of whatever is called
  u64 kinds = 0;                     ///< other expressions: a bit for each ExprKind
  bool anything = false;             ///< every expression has to be tried
  bool declarations = false, returns = false;
};

/// One machine. Immutable once made; shared by threads.
struct CompiledMachine {
  const rule::Machine* ast = nullptr;
  std::shared_ptr<const rule::RuleFile> file;      ///< owner of `ast`
  std::shared_ptr<const rule::RuleSource> source;  ///< for explain and messages
  std::vector<HoleDecl> holes;
  std::vector<std::unique_ptr<metal::Pattern>> fragments;
  std::vector<StateVariable> vars;
  std::vector<std::string> global_states;  ///< the first is the initial one
  std::vector<CompiledTransition> transitions;
  std::vector<std::string> data;
  std::map<std::string, std::unordered_map<std::string, i64>> lists;  ///< words and their places, from 1
  std::map<std::string, i64> settings;
  /// Functions and macros that fragments name: their calls are not followed, their expansions not entered.
  std::unordered_set<Symbol> named;
  std::unordered_map<Symbol, Symbol> like;  ///< functions of the project that stand for a named one
  Openings openings;
  bool reports = false;            ///< some action complains; else the machine only marks functions
  bool has_unnamed_start = false;  ///< some pattern from a global state can match without a named call
  std::vector<std::string> writes, reads;  ///< annotation tags
  u64 fingerprint = 0;                     ///< of all that can change its results

  /// The name by which the rule knows a function of the source.
  Symbol known_as(Symbol name) const {
    auto it = like.find(name);
    return it == like.end() ? name : it->second;
  }
  i32 hole(std::string_view name) const;
  i32 data_index(std::string_view name) const;
};

/// Settings and extra names that a project file gives to rules: "RULE.setting" or "setting" to a value.
struct RuleOptions {
  std::vector<std::string> include_paths;
  std::map<std::string, i64> settings;
  /// "my_alloc" to "kmalloc": a function or macro of the project and what it is like, arguments and all.
  std::map<std::string, std::string> like;
};

/// All machines of one rule file, or complaints (already rendered) when it is broken.
struct LoadedRules {
  std::vector<std::shared_ptr<const CompiledMachine>> machines;
  std::string diagnostics;  ///< rendered; may hold warnings when all went well
  bool broken = false;
};

/// Reads, parses, checks and compiles a rule file. `path` also says where its quoted includes and lists
/// are. Thread-safe.
LoadedRules load_rules(const std::string& path, const RuleOptions& options, Symbols& symbols, bool colour);

/// The same for text at hand (tests, fuzzing).
LoadedRules load_rules_text(const std::string& name, std::string text, const std::string& directory,
                            const RuleOptions& options, Symbols& symbols, bool colour);

}  // namespace quire::metal
