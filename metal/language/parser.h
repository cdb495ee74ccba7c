// From the text of a rule file to its tree. One grammar for both published dialects: `sm NAME { ... }`
// and the bare form. The grammar stands in docs/metal-language.md.
#pragma once

#include "metal/language/ast.h"
#include "metal/language/diagnostic.h"

namespace quire::metal::rule {

/// Parses `source`. Complaints go to `diagnostics`; after an error the parser goes on at the next
/// statement, so that one run shows several mistakes. The tree is usable only without errors.
/// Never fails on hostile input: nesting is limited to kMaxNesting.
RuleFile parse_rules(const RuleSource& source, Diagnostics& diagnostics);

inline constexpr u32 kMaxNesting = 64;

}  // namespace quire::metal::rule
