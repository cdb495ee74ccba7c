#include "metal/language/builtins.h"

#include <array>

namespace quire::metal::rule {
namespace {

using enum Builtin;
constexpr BuiltinUse A = BuiltinUse::kAction;
constexpr BuiltinUse V = BuiltinUse::kValue;

constexpr std::array kTable = {
    BuiltinInfo{"err", kErr, A, 1, 9, "err(\"format with %s and %d\", ...)"},
    BuiltinInfo{"warn", kWarn, A, 1, 9, "warn(\"format\", ...)"},
    BuiltinInfo{"note", kNote, A, 1, 9, "note(\"format\", ...)"},
    BuiltinInfo{"mc_annotate", kAnnotate, A, 2, 2, "mc_annotate(mc_function(), \"tag\")"},
    BuiltinInfo{"mc_kill_path", kKillPath, A, 0, 0, "mc_kill_path()"},
    BuiltinInfo{"mc_example", kExample, A, 1, 2, "mc_example(key, beside)"},
    BuiltinInfo{"mc_counterexample", kCounterexample, A, 1, 9, "mc_counterexample(key, \"format\", ...)"},
    BuiltinInfo{"mc_known_negative", kKnownNegative, V, 1, 1, "mc_known_negative(e)"},
    BuiltinInfo{"mc_is_method_on", kIsMethodOn, V, 3, 3, "mc_is_method_on(fn, args, v)"},
    BuiltinInfo{"mc_method_in", kMethodIn, V, 2, 2, "mc_method_in(fn, LIST)"},
    BuiltinInfo{"mc_method_of", kMethodOf, V, 3, 3, "mc_method_of(fn, CLASSES, \"lock\")"},
    BuiltinInfo{"mc_type_argument", kTypeArgument, V, 1, 1, "mc_type_argument(e)"},
    BuiltinInfo{"mc_position", kPosition, V, 2, 2, "mc_position(text, LIST)"},
    BuiltinInfo{"mc_remember", kRemember, A, 1, 1, "mc_remember(mc_name(fn))"},
    BuiltinInfo{"mc_remembered", kRemembered, V, 0, 0, "mc_remembered()"},
    BuiltinInfo{"mc_largest_variable", kLargestVariable, V, 0, 0, "mc_largest_variable()"},
    BuiltinInfo{"mc_is_call_to", kIsCallTo, V, 2, 9, "mc_is_call_to(fn, \"name\", ...)"},
    BuiltinInfo{"mc_in", kIn, V, 2, 2, "mc_in(fn, LIST)"},
    BuiltinInfo{"mc_name", kName, V, 1, 1, "mc_name(fn)"},
    BuiltinInfo{"mc_identifier", kIdentifier, V, 1, 1, "mc_identifier(v)"},
    BuiltinInfo{"mc_annotated", kAnnotated, V, 2, 2, "mc_annotated(fn, \"tag\")"},
    BuiltinInfo{"mc_function", kFunction, V, 0, 0, "mc_function()"},
    BuiltinInfo{"mc_in_function", kInFunction, V, 1, 9, "mc_in_function(\"name\", ...)"},
    BuiltinInfo{"mc_contains", kContains, V, 2, 9, "mc_contains(text, \"part\", ...)"},
    BuiltinInfo{"mc_in_file", kInFile, V, 1, 9, "mc_in_file(\"part of a path\", ...)"},
    BuiltinInfo{"mc_is_const", kIsConst, V, 1, 1, "mc_is_const(e)"},
    BuiltinInfo{"mc_value", kValue, V, 1, 1, "mc_value(e)"},
    BuiltinInfo{"mc_is_null", kIsNull, V, 1, 1, "mc_is_null(e)"},
    BuiltinInfo{"mc_is_local", kIsLocal, V, 1, 1, "mc_is_local(e)"},
    BuiltinInfo{"mc_is_local_storage", kIsLocalStorage, V, 1, 1, "mc_is_local_storage(e)"},
    BuiltinInfo{"mc_is_parameter", kIsParameter, V, 1, 1, "mc_is_parameter(e)"},
    BuiltinInfo{"mc_is_global", kIsGlobal, V, 1, 1, "mc_is_global(e)"},
    BuiltinInfo{"mc_type_is", kTypeIs, V, 2, 9, "mc_type_is(e, \"type\", ...)"},
    BuiltinInfo{"mc_size", kSize, V, 1, 1, "mc_size(e)"},
    BuiltinInfo{"mc_arg", kArg, V, 2, 2, "mc_arg(args, 0)"},
    BuiltinInfo{"mc_arg_count", kArgCount, V, 1, 1, "mc_arg_count(args)"},
    BuiltinInfo{"mc_has_arg", kHasArg, V, 2, 2, "mc_has_arg(args, v)"},
    BuiltinInfo{"mc_frame_size", kFrameSize, V, 0, 0, "mc_frame_size()"},
    BuiltinInfo{"mc_in_macro", kInMacro, V, 1, 9, "mc_in_macro(\"NAME\", ...)"},
    BuiltinInfo{"mc_known_null", kKnownNull, V, 1, 1, "mc_known_null(e)"},
    BuiltinInfo{"mc_known_nonnull", kKnownNonnull, V, 1, 1, "mc_known_nonnull(e)"},
    BuiltinInfo{"mc_known_zero", kKnownZero, V, 1, 1, "mc_known_zero(e)"},
    BuiltinInfo{"mc_returned", kReturned, V, 1, 1, "mc_returned(v)"},
    BuiltinInfo{"mc_discarded", kDiscarded, V, 0, 0, "mc_discarded()"},
    BuiltinInfo{"mc_asked_later", kAskedLater, V, 0, 0, "mc_asked_later()"},
    BuiltinInfo{"mc_escaped", kEscaped, V, 1, 1, "mc_escaped(v)"},
    BuiltinInfo{"mc_is_noreturn", kIsNoreturn, V, 1, 1, "mc_is_noreturn(fn)"},
    BuiltinInfo{"mc_must_use", kMustUse, V, 1, 1, "mc_must_use(fn)"},
    BuiltinInfo{"mc_is_indirect", kIsIndirect, V, 1, 1, "mc_is_indirect(fn)"},
    BuiltinInfo{"mc_key", kKey, V, 1, 4, "mc_key(a, b)"},
    BuiltinInfo{"mc_why", kWhy, V, 2, 2, "mc_why(fn, \"tag\")"},
    BuiltinInfo{"mc_root", kRoot, V, 1, 1, "mc_root(e)"},
    BuiltinInfo{"mc_field", kField, V, 1, 1, "mc_field(e)"},
    BuiltinInfo{"mc_record", kRecord, V, 1, 1, "mc_record(e)"},
    BuiltinInfo{"mc_result_type", kResultType, V, 0, 1, "mc_result_type(fn)"},
    BuiltinInfo{"mc_may_fail", kMayFail, V, 0, 0, "mc_may_fail()"},
    BuiltinInfo{"mc_variable_size", kVariableSize, V, 0, 0, "mc_variable_size()"},
    BuiltinInfo{"mc_variable_name", kVariableName, V, 0, 0, "mc_variable_name()"},
    BuiltinInfo{"mc_result_is", kResultIs, V, 1, 1, "mc_result_is(\"negative\")"},
};

}  // namespace

std::span<const BuiltinInfo> builtins() { return kTable; }

const BuiltinInfo* find_builtin(std::string_view name) {
  for (const BuiltinInfo& b : kTable)
    if (b.name == name) return &b;
  return nullptr;
}

}  // namespace quire::metal::rule
