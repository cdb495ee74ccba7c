// Arguments of macros that use them in no expression (`#define spin_unlock(l) do { } while (0)`): read from
// the text, as far as plain names, members, elements, addresses and constants go.
#pragma once

#include <functional>
#include <string_view>

#include "metal/ir/function.h"

namespace quire::metal {

/// The texts of the arguments in `text`, which begins at the opening parenthesis of a macro use; nothing when
/// it does not end.
std::vector<std::string_view> split_arguments(std::string_view text);

/// The tree of an argument, or kNoExpr when it is of another form. `name` gives the tree of a variable.
ExprId parse_argument(std::string_view text, Pool& pool, Symbols& symbols,
                      const std::function<ExprId(std::string_view)>& name);

}  // namespace quire::metal
