// The functions that callouts and actions may call. The engine runs them; the checker knows their names
// and arguments from this table, and docs/metal-language.md describes them.
#pragma once

#include <span>
#include <string_view>

#include "base/types.h"

namespace quire::metal::rule {

enum class Builtin : u8 {
  kErr,
  kWarn,
  kNote,
  kAnnotate,
  kKillPath,
  kExample,
  kCounterexample,
  kIsCallTo,
  kIn,
  kName,
  kIdentifier,
  kAnnotated,
  kFunction,
  kInFunction,
  kInFile,
  kIsConst,
  kValue,
  kIsNull,
  kIsLocal,
  kIsParameter,
  kIsGlobal,
  kTypeIs,
  kSize,
  kArg,
  kArgCount,
  kHasArg,
  kFrameSize,
  kInMacro,
  kKnownNull,
  kKnownNonnull,
  kKnownZero,
  kReturned,
  kDiscarded,
  kAskedLater,
  kEscaped,
  kIsNoreturn,
  kMustUse,
  kKey,
  kWhy,
  kRoot,
  kField,
  kRecord,
  kResultIs,
  kKnownNegative,
  kIsMethodOn,
  kMethodIn,
  kMethodOf,
  kRemember,
  kRemembered,
  kLargestVariable,
  kVariableSize,
  kVariableName,
  kResultType,
  kMayFail,
  kIsLocalStorage,
  kIsIndirect,
  kTypeArgument,
  kPosition,
  kContains,
};

/// What a builtin may be used for.
enum class BuiltinUse : u8 { kAction, kValue };

struct BuiltinInfo {
  std::string_view name;
  Builtin id;
  BuiltinUse use;
  u8 least = 0;
  u8 most = 0;
  std::string_view usage;
};

/// All builtins, in the order of the documentation.
std::span<const BuiltinInfo> builtins();
/// Null when there is none of that name.
const BuiltinInfo* find_builtin(std::string_view name);

}  // namespace quire::metal::rule
