// Does a fragment match an expression, and what do its holes stand for then?
#pragma once

#include <vector>

#include "metal/engine/machine.h"
#include "metal/ir/function.h"

namespace quire::metal {

/// What a hole stands for in the function at hand.
struct Binding {
  ExprId expr = kNoExpr;  ///< kNoExpr: unbound. For arguments: the call
  u32 first = 0;          ///< for arguments: index of the first one among the call's kids
};

using Bindings = std::vector<Binding>;

/// Tries fragment `index` of `machine` on `expr` of `pool`. `bindings` has one entry a hole; what is bound
/// there already must match equally. On failure `bindings` is in no particular state.
bool match(const CompiledMachine& machine, u32 index, const Pool& pool, ExprId expr, Bindings& bindings);

/// As match(), for a part of the fragment.
bool match_part(const CompiledMachine& machine, u32 index, ExprId part, const Pool& pool, ExprId expr,
                Bindings& bindings);

/// The function that a callee names ("kfree"), or a null symbol for a pointer.
Symbol callee_name(const Pool& pool, ExprId callee);

}  // namespace quire::metal
