// Fuzz target of the rule language. Threat: a rule file from a stranger. Input: raw bytes as a rule file;
// libFuzzer's own mutations reach the grammar well from the packs as a seed corpus. Base-language fragments
// are not handed to Clang here: that parser has its own fuzzers.
#include <cstddef>
#include <cstdint>
#include <string>

#include "metal/language/check.h"
#include "metal/language/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace quire::metal::rule;
  RuleSource source("fuzz.metal", std::string(reinterpret_cast<const char*>(data), size));
  Diagnostics diagnostics;
  RuleFile file = parse_rules(source, diagnostics);
  if (!diagnostics.has_errors()) check_rules(file, diagnostics);
  (void)diagnostics.render(source, false);
  return 0;
}
