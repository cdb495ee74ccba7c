// One function as the engine sees it: blocks of events in evaluation order, and edges between them.
#pragma once

#include <array>
#include <vector>

#include "metal/ir/expr.h"

namespace quire::metal {

using BlockId = StrongInt<struct BlockTag, u32>;
using MacroId = StrongInt<struct MacroTag, u32>;
inline constexpr MacroId kNoMacro{0xffffffffu};

/// Where something stands in the source; for what came out of a macro, where the outermost macro was written.
struct Location {
  u32 line = 0;    ///< from 1; 0 is unknown
  u16 column = 0;  ///< from 1, saturating
  u16 file = 0;    ///< index in Function::files
  friend bool operator==(const Location&, const Location&) = default;
};

/// An argument of a macro use.
struct MacroArgument {
  ExprId expr = kNoExpr;  ///< as a tree, when it is an expression; else kNoExpr
  bool written = false;   ///< an asm output or the target of an assignment within the expansion
};

/// One expansion of a macro inside a function body. Nested ones follow their parents in Function::macros.
struct MacroUse {
  Symbol name;
  bool function_like = false;
  MacroId parent = kNoMacro;  ///< the expansion whose body or argument brought this one about
  MacroId written_in =
      kNoMacro;  ///< the expansion in whose *body* the name stands; none: in the function's own text
  Location at;
  /// As a tree that a pattern such as `name(args)` can be matched with: Macro(name, [expansion], args...).
  ExprId tree = kNoExpr;
  /// The expansion is one whole expression. `tree` then has kid 0 and stands in the trees around it and, when
  /// function-like, is the `expr` of an Evaluate event. Otherwise only MacroBegin tells of the use.
  bool is_expression = false;
  std::vector<MacroArgument> arguments;
};

enum class EventKind : u8 {
  Evaluate,    ///< `expr` has just been evaluated; sub-expressions come earlier, constants are left out
  Declare,     ///< `local` comes into scope (its initialiser follows as Evaluate of an Assign with kInit)
  ScopeEnd,    ///< `local` goes out of scope on this path; after its destructor or cleanup call
  MacroBegin,  ///< control enters expansion `macro`; even when it expands to nothing
  MacroEnd,  ///< control leaves expansion `macro` (also on early exits through its end; not after a jump out)
  Return,    ///< `expr` is the value or kNoExpr; destructors and ScopeEnds follow, then the edge to exit
  Catch,     ///< a handler starts; `local` is its variable or kNoLocal
  Last = Catch,
};

/// Something that happens on the way through a block.
struct Event {
  EventKind kind = EventKind::Evaluate;
  ExprId expr = kNoExpr;
  LocalId local = kNoLocal;
  /// Innermost expansion during which this happens (MacroBegin/End: the expansion itself).
  MacroId macro = kNoMacro;
  /// Innermost expansion whose body spells this; differs from `macro` for what was written as an argument:
  /// kNoMacro means that it stands in the function's own text.
  MacroId written_in = kNoMacro;
  Location at;
};

enum class EdgeKind : u8 {
  Always,
  True,     ///< the branch condition holds
  False,    ///< it does not
  Case,     ///< switch value in [low, high]
  Default,  ///< no case matches
  Catch,    ///< an exception arrives; `type` is the caught type, kNoType for catch (...)
  Jump,     ///< one target of a computed goto or an asm goto
  Last = Jump,
};

struct Edge {
  BlockId to;
  EdgeKind kind = EdgeKind::Always;
  i64 low = 0, high = 0;
  TypeId type = kNoType;
};

/// A straight piece of code. Ends in at most one decision.
struct Block {
  std::vector<Event> events;
  /// The branch condition (True/False edges) or switch value (Case/Default edges), negations stripped;
  /// kNoExpr when there is one Always edge or none. It is evaluated by an event of this block, or was in an
  /// earlier one.
  ExprId condition = kNoExpr;
  MacroId condition_macro = kNoMacro;  ///< as Event::macro, for the decision
  Location condition_at;
  /// None in the exit block, and where control ends (a call that does not return, a throw that leaves the
  /// function).
  std::vector<Edge> edges;
};

struct Local {
  Symbol name;
  TypeId type = kNoType;
  u64 size = 0;  ///< bytes; 0 when unknown or variable
  bool parameter = false;
  bool is_static = false;
  bool variable_length = false;
  bool address_taken =
      false;  ///< &x appears, or a reference is bound to it, or a lambda captures it by reference
  Location at;
};

/// 128 bits of a hash of everything that can influence a report about the function.
using ContentHash = std::array<u64, 2>;

struct Function {
  Symbol name;             ///< as FunctionRef::name
  Symbol link;             ///< as FunctionRef::link
  bool internal = false;   ///< static
  bool in_header = false;  ///< defined outside the main file
  bool is_inline = false;
  bool is_virtual = false;
  bool has_errors = false;  ///< holds a RecoveryExpr: rank its reports down
  bool from_template = false;
  bool noreturn = false;
  bool is_lambda = false;
  TypeId type = kNoType;  ///< of kind Function
  TypeId result = kNoType;
  Symbol record;  ///< the class it is a method of
  Location at, end;
  ContentHash hash{};
  Pool pool;
  std::vector<Symbol> files;
  std::vector<Local> locals;  ///< parameters first, in order (`this` before all)
  u32 parameter_count = 0;
  std::vector<MacroUse> macros;
  std::vector<Block> blocks;  ///< entry is 0, exit is 1 (no events)
  /// Links of functions whose address is taken here (used other than as a callee).
  std::vector<Symbol> address_taken;
};

inline constexpr BlockId kEntry{0};
inline constexpr BlockId kExit{1};

/// A dump for people and for golden tests; stable.
std::string dump(const Function& function);

}  // namespace quire::metal
