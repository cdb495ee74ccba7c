// Judges a parsed rule file: names that resolve, states that can be reached, holes that are bound.
#pragma once

#include <string>
#include <vector>

#include "metal/language/ast.h"
#include "metal/language/diagnostic.h"

namespace quire::metal::rule {

/// Complains about all that is wrong or useless in `file`. What base-language fragments say is judged
/// later, by Clang.
void check_rules(const RuleFile& file, Diagnostics& diagnostics);

/// Identifiers in a piece of base language, in order, that are not members (after . or ->). Literals and
/// comments are skipped.
struct Identifier {
  std::string text;
  u32 offset = 0;
  bool called = false;  ///< an opening parenthesis follows
};
std::vector<Identifier> identifiers(std::string_view base_text);

/// Names of the holes of `machine` that `pattern` binds on every way of matching it.
std::vector<std::string> bound_holes(const Machine& machine, const Pattern& pattern);

/// The named pattern, or null.
const NamedPattern* find_pattern(const Machine& machine, std::string_view name);

}  // namespace quire::metal::rule
