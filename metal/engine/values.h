// Runs the expressions of callouts and actions.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "metal/engine/function_info.h"
#include "metal/engine/machine.h"
#include "metal/engine/match.h"
#include "metal/engine/program.h"

namespace quire::metal {

/// Integers that an instance, or the global state, carries. Counted up and down they
/// saturate at ±kDataLimit, so that loops settle; set to a value, at ±127.
inline constexpr std::size_t kMaxData = 4;
inline constexpr i64 kDataLimit = 8;
using DataFields = std::array<i8, kMaxData>;

/// Result of an expression. Unknown when the answer depends on the path and there is none yet (patterns are
/// first tried without one).
struct Value {
  enum class Kind : u8 { kUnknown, kInteger, kText } kind = Kind::kUnknown;
  i64 integer = 0;
  std::string text;

  static Value unknown() { return {}; }
  static Value of(i64 v) { return {Kind::kInteger, v, {}}; }
  static Value of(std::string s) { return {Kind::kText, 0, std::move(s)}; }
  bool known() const { return kind != Kind::kUnknown; }
  bool truth() const { return kind == Kind::kText ? !text.empty() : integer != 0; }
  std::string str() const { return kind == Kind::kText ? text : std::to_string(integer); }
};

/// All that an expression can ask about. Pointers are null where there is nothing to ask.
struct ValueContext {
  const CompiledMachine& machine;
  const Program& program;
  FunctionId function;
  const FunctionInfo& info;
  const Bindings* bindings = nullptr;
  BlockId block{0};
  std::size_t event = 0;
  MacroId macro = kNoMacro;
  const Local* variable = nullptr;  ///< $variable$

  // Of the path; all null while patterns are tried without one.
  const Facts* facts = nullptr;
  const DataFields* data = nullptr;          ///< of the instance
  const DataFields* global_data = nullptr;   ///< of the global state
  i32 var = -1;                              ///< state variable of the instance
  std::function<std::string()> object = {};  ///< the instance's object as text
  ExprId object_expr = kNoExpr;              ///< an expression for it, where the function spells one
  bool returned = false;
  bool escaped = false;
  const std::string* remembered = nullptr;
  const ValueRange* result = nullptr;  ///< of the function, at its end
  std::function<std::optional<bool>(ExprId callee, const std::string& tag, std::string* why)> annotated = {};
};

/// Evaluates `e`. Never fails: what makes no sense is 0 or empty.
Value evaluate(const rule::Expr& e, const ValueContext& context);

/// A message with its %s and %d filled in. `first` is the index of the format among the arguments.
std::string format_message(const rule::Expr& call, std::size_t first, const ValueContext& context);

}  // namespace quire::metal
