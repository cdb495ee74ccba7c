// Functions that never come back: on every path they call one that is known not to.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "metal/engine/program.h"

namespace quire::metal {

/// By FunctionId. `noreturn` names functions and macros that end a path though nothing declares it. Callees
/// that are reached through pointers count as coming back.
std::vector<bool> never_returning(const Program& program, const std::unordered_set<std::string>& noreturn);

}  // namespace quire::metal
